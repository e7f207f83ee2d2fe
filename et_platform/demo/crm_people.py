"""Name material for the demo CRM: people, places and telephone numbers that do not exist.

Here: word lists by locale, and how a person is put together from them. Not here: customers and their other columns
(crm_customers). E-mail domains are the reserved ones; telephone numbers lie in ranges that regulators keep free for
fiction, elsewhere under +999, which is no country.
"""

import unicodedata
from dataclasses import dataclass

from et_platform.demo.crm_dice import Dice


@dataclass(frozen=True)
class Region:
    """Customers of one locale: its tag, its share in the customer base, and its words.

    Names outside the Latin script are written `native/romanised`, the latter for e-mail addresses.
    """

    locale: str
    weight: int
    given: tuple[str, ...]
    family: tuple[str, ...]
    cities: tuple[str, ...]

    @property
    def country(self) -> str:
        """The two-letter country code."""
        return self.locale[3:]


@dataclass(frozen=True)
class Person:
    """A fictional person: every attribute is text that is valid in the demo's data extension."""

    first_name: str
    last_name: str
    mailbox: str
    city: str
    country: str
    locale: str


def _region(locale: str, weight: int, given: str, family: str, cities: str) -> Region:
    return Region(locale, weight, tuple(given.split()), tuple(family.split()), tuple(cities.split(", ")))


REGIONS = (
    _region(
        "en-US", 24,
        "Ava Caleb Dana Eli Harper Isaac June Kai Logan Mara Nora Owen Piper Quinn Reed Sage Tess Wyatt",
        "Alder Birch Brooks Carver Dalton Ellis Foster Granger Hale Jennings Lowell Marsh Null O'Hara Pruitt Stone",
        "Bend, Boulder, Bozeman, Duluth, Flagstaff, Coeur d'Alene, Missoula, Moab, Port Angeles, Truckee",
    ),
    _region(
        "en-GB", 8,
        "Alfie Beth Callum Eilidh Fergus Gwen Isla Jack Moira Nia Rhys Tamsin",
        "Ashworth Blackwood Fell Heath-Moore Kirkby MacRae Ogden O'Rourke Penhallow Tarn Thwaite Wynne",
        "Ambleside, Aviemore, Betws-y-Coed, Hay-on-Wye, Keswick, King's Lynn, Sheffield",
    ),
    _region(
        "de-DE", 8,
        "Anke Björn Dörte Felix Jürgen Käthe Lena Matthias Nele Sönke Uwe Zoë",
        "Bäcker Förster Größmann Heß Kühn Löwe Müller-Lüdenscheidt Schäfer Strauß Vogt Weißenberg Zöllner",
        "Füssen, Garmisch-Partenkirchen, Göttingen, Köln, München, Würzburg",
    ),
    _region(
        "fr-FR", 6,
        "Adèle Benoît Chloé Éloïse François Gaëlle Hélène Jérôme Loïc Maëlys Noémie Zoé",
        "Béranger Châtelain D'Arcy Gagné L'Hôpital Lefèvre Noël Péchard Roÿer Sœur Tréguier Vœgelé",
        "Annecy, Besançon, Chamonix, L'Haÿ-les-Roses, Orléans, Sète",
    ),
    _region(
        "fr-CA", 3,
        "Amélie Cédric Élise Gédéon Joëlle Mathieu Océane Rémi",
        "Beauséjour Côté Duchesneau Gélinas Lévesque Poirier St-Onge Thériault",
        "Baie-Saint-Paul, Montréal, Québec, Trois-Rivières",
    ),
    _region(
        "es-ES", 4,
        "Álvaro Begoña Íñigo Lucía María Núria Óscar Raúl Sofía Ximena",
        "Álvarez Cañada Ibáñez Muñoz Núñez Peña Quiñones Sáenz Ureña Zúñiga",
        "A Coruña, Ávila, Jaén, Logroño, Málaga",
    ),
    _region(
        "pt-BR", 4,
        "Antônio Cauã Flávia Inês João Luís Mônica Simão Thaís Vitória",
        "Araújo Brandão Conceição Falcão Guimarães Leitão Magalhães Sá Simões Verão",
        "Brasília, Florianópolis, Maceió, São Luís",
    ),
    _region(
        "it-IT", 3,
        "Andrea Beatrice Cosimo Elia Fiamma Giosuè Lucia Niccolò Ortensia Renzo",
        "Bellandi Cantù D'Ambra Dell'Orto Forlì Lanzi Montanari Nardò Pratesi Zardi",
        "Aosta, Bolzano, Cantù, Forlì, L'Aquila",
    ),
    _region(
        "nl-NL", 2,
        "Anouk Bram Daniël Femke Joost Loïs Maaike Sjoerd",
        "Bakker Dijkstra Hoekstra Kuipers Smit Veenstra",
        "'s-Hertogenbosch, Groningen, IJmuiden, Zwolle",
    ),
    _region(
        "sv-SE", 3,
        "Åsa Björk Elin Göran Håkan Linnéa Märta Östen",
        "Åberg Björklund Ekström Hällström Öman Sjögren",
        "Åre, Malmö, Östersund, Växjö",
    ),
    _region(
        "da-DK", 2,
        "Asbjørn Kjær Mette Rasmus Søren Østen",
        "Bøgh Kjærgård Nørgaard Skov Sørensen Ågård",
        "Aarhus, København, Rønne, Ærøskøbing",
    ),
    _region(
        "pl-PL", 2,
        "Bożena Grażyna Łukasz Michał Paweł Stanisław Świętosława Żaneta",
        "Błaszczyk Gąsior Jabłoński Krzyżanowski Łęcki Wójcik Źrebiec",
        "Gdańsk, Kraków, Łódź, Zakopane",
    ),
    _region(
        "cs-CZ", 2,
        "Aneta Božena Jiří Kateřina Lukáš Ondřej Růžena Šárka",
        "Bříza Čermák Dvořák Jeřábek Svěrák Žďárský",
        "Brno, Děčín, Plzeň, Ústí nad Labem",
    ),
    _region(
        "tr-TR", 2,
        "Ayşe Çağrı Gülşen İpek Işıl Oğuz Şule Ümit",
        "Çelik Doğan Güneş Işık İnce Öztürk Şahin Yıldız",
        "Eskişehir, İzmir, Muğla, Şanlıurfa",
    ),
    _region(
        "vi-VN", 2,
        "Ánh Bảo Dũng Hằng Huệ Ngọc Phượng Quỳnh Thảo Tuấn",
        "Bùi Đặng Đỗ Hoàng Huỳnh Nguyễn Phạm Trần Võ",
        "Đà Lạt, Đà Nẵng, Huế, Thành phố Hồ Chí Minh",
    ),
    _region(
        "ja-JP", 4,
        "さくら/sakura 健太/kenta 陽菜/hina 蓮/ren ユキ/yuki 大翔/hiroto 美咲/misaki 翔/sho",
        "山田/yamada 髙橋/takahashi 渡邊/watanabe 森/mori 川口/kawaguchi 石井/ishii 小林/kobayashi 𠮷野/yoshino",
        "札幌市, 松本市, 横浜市, 高山市",
    ),
    _region(
        "ko-KR", 3,
        "민준/minjun 서연/seoyeon 지우/jiwoo 하은/haeun 도윤/doyoon 수빈/subin",
        "김/kim 박/park 최/choi 정/jung 윤/yoon 임/lim",
        "강릉시, 부산광역시, 서울특별시, 제주시",
    ),
    _region(
        "zh-CN", 4,
        "雪梅/xuemei 志强/zhiqiang 丽娜/lina 建国/jianguo 晓明/xiaoming 思远/siyuan",
        "王/wang 欧阳/ouyang 赵/zhao 刘/liu 陈/chen 龚/gong",
        "成都市, 杭州市, 昆明市, 西安市",
    ),
    _region(
        "zh-TW", 2,
        "淑芬/shufen 俊傑/junjie 雅婷/yating 家豪/jiahao 怡君/yijun",
        "張/chang 劉/liu 蕭/hsiao 鄭/cheng 顏/yen",
        "臺北市, 花蓮縣, 高雄市",
    ),
    _region(
        "ru-RU", 3,
        "Алексей/alexei Дарья/darya Ёлка/yolka Игорь/igor Юлия/yulia Фёдор/fyodor",
        "Берёзов/beryozov Горная/gornaya Журавлёв/zhuravlyov Лесная/lesnaya Щукин/shchukin",
        "Архангельск, Йошкар-Ола, Пятигорск, Сочи",
    ),
    _region(
        "uk-UA", 2,
        "Ґалина/galyna Євген/yevhen Іван/ivan Їжачок/yizhachok Олена/olena",
        "Гай/hai Коваль/koval Мар'яненко/marianenko Щур/shchur",
        "Київ, Кам'янець-Подільський, Львів, Чернігів",
    ),
    _region(
        "el-GR", 2,
        "Άννα/anna Γιώργος/giorgos Ελένη/eleni Ηλίας/ilias Χρύσα/chrysa",
        "Βουνός/vounos Δάσκος/daskos Θάλασσας/thalassas Ψαράς/psaras",
        "Αθήνα, Θεσσαλονίκη, Ιωάννινα, Χανιά",
    ),
    _region(
        "ar-AE", 3,
        "أحمد/ahmad خالد/khalid سارة/sara عائشة/aisha ليلى/layla يوسف/yusuf",
        "الجبلي/aljabali الصحراوي/alsahrawi النجار/alnajjar حداد/haddad",
        "أبو ظبي, دبي, العين, رأس الخيمة",
    ),
    _region(
        "he-IL", 2,
        "אורי/uri יעל/yael נועם/noam שירה/shira תמר/tamar",
        "אלון/alon גל/gal הר-טוב/hartov סלע/sela",
        "אילת, חיפה, ירושלים, תל אביב-יפו",
    ),
    _region(
        "th-TH", 2,
        "กมล/kamon ณัฐ/nat ปิยะ/piya สมชาย/somchai อรุณ/arun",
        "ทองดี/thongdi ภูผา/phupha ศรีสุข/srisuk สายน้ำ/sainam",
        "กรุงเทพมหานคร, เชียงใหม่, ภูเก็ต",
    ),
    _region(
        "hi-IN", 3,
        "अनिता/anita ऋषि/rishi काव्या/kavya नेहा/neha श्रेया/shreya संजय/sanjay",
        "चौधरी/chaudhary त्रिपाठी/tripathi पर्वतीय/parvatiya शर्मा/sharma",
        "ऋषिकेश, नैनीताल, मुंबई, शिमला",
    ),
)  # fmt: skip

_BY_WEIGHT = tuple(region for region in REGIONS for _ in range(region.weight))
DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example", "inbox.test")
_TRAIL_NAMES = ("Ridge", "Boots", "Switchback", "Two Poles", "Marmot")
_EMOJI = ("🏔️", "🥾", "⛺", "🧗‍♀️", "👩‍👩‍👧", "🇳🇴", "🦅", "⛷🏽")
_LATIN = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


def person(dice: Dice) -> Person:
    """Draw a person. About 3 % carry what files stumble over: emoji, quotes, separators, line breaks."""
    region = dice.pick(_BY_WEIGHT)
    first, first_mail = _name(dice.pick(region.given))
    last, last_mail = _name(dice.pick(region.family))
    city = dice.pick(region.cities)
    if dice.chance(0.03):
        first, last, city = _flourish(dice, first, last, city)
    return Person(first, last, f"{first_mail}.{last_mail}", city, region.country, region.locale)


def phone(dice: Dice, country: str) -> str:
    """Return a telephone number that can belong to nobody, written as people of that country write it."""
    line = dice.number(0, 99)
    if country in ("US", "CA"):
        return f"+1 ({dice.pick((212, 303, 406, 541, 907))}) 555-01{line:02}"
    if country == "GB":
        return f"+44 7700 900{dice.number(0, 999):03}"
    if country == "DE":
        return f"+49 171 39200{line:02}"
    if country == "FR":
        return f"+33 6 39 98 {dice.number(0, 99):02} {line:02}"
    if country == "SE":
        return f"+46 8 465 004 {line:02}"
    return f"+999 {dice.number(10, 99)} 5550 {dice.number(0, 9999):04}"


def _name(word: str) -> tuple[str, str]:
    name, _, romanised = word.partition("/")
    plain = unicodedata.normalize("NFKD", (romanised or name).lower().translate(_LATIN))
    return name, "".join(letter for letter in plain if "a" <= letter <= "z")


def _flourish(dice: Dice, first: str, last: str, city: str) -> tuple[str, str, str]:
    kind = dice.number(1, 9)
    if kind == 1:
        first = f"{first} {dice.pick(_EMOJI)}"
    elif kind == 2:
        first = f'{first} "{dice.pick(_TRAIL_NAMES)}"'
    elif kind == 3:
        first = unicodedata.normalize("NFD", first)  # accents as marks of their own, as some phones send them
    elif kind == 4:
        last = f"{last}, Jr."
    elif kind == 5:
        last = f"{last}; {dice.pick(_TRAIL_NAMES)}"
    elif kind == 6:
        last = f"{last} \\ {dice.pick(_TRAIL_NAMES)}"
    elif kind == 7:
        city = f"{city}\nHut No. {dice.number(1, 40)}"
    elif kind == 8:
        city = f'{city}, "{dice.pick(_TRAIL_NAMES)}" Camp'
    else:
        city = f"{city}\t{dice.pick(_EMOJI)}"
    return first, last, city
