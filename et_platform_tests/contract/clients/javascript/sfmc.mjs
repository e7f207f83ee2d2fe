// Drives the public `sfmc-sdk`, as it is, by orders on standard input (`driven.py` tells their form).
import readline from 'node:readline';
import SDK from 'sfmc-sdk';

let sdk;
let renewals = 0;

const verbs = {
    async connect({ auth_url, client_id, client_secret, mid }) {
        sdk = newSdk(auth_url, client_id, client_secret, mid);
        await sdk.auth.getAccessToken();
        return { ok: true };
    },
    async describe({ object_type }) {
        const answer = await sdk.soap.describe(object_type);
        const properties = list(answer.ObjectDefinition?.Properties);
        return { ok: true, status: 'OK', properties: properties.map((one) => one.Name) };
    },
    async create_data_extension({ key, fields }) {
        return written(
            await sdk.soap.create('DataExtension', { CustomerKey: key, Name: key, Fields: { Field: fields } })
        );
    },
    async delete_data_extension({ key }) {
        return written(await sdk.soap.delete('DataExtension', { CustomerKey: key }));
    },
    add: ({ key, rows }) => eachRow(rows, (row) => sdk.soap.create('DataExtensionObject', rowOf(key, row))),
    update: ({ key, rows }) => eachRow(rows, (row) => sdk.soap.update('DataExtensionObject', rowOf(key, row))),
    upsert: ({ key, rows }) =>
        eachRow(rows, (row) =>
            sdk.soap.update('DataExtensionObject', rowOf(key, row), {
                options: { SaveOptions: { SaveOption: { PropertyName: '*', SaveAction: 'UpdateAdd' } } },
            })
        ),
    remove: ({ key, rows }) =>
        eachRow(rows, (row) =>
            sdk.soap.delete('DataExtensionObject', { CustomerKey: key, Keys: { Key: pairs(row) } })
        ),
    async read({ key, fields, where }) {
        const pages = [];
        let seen = 0;
        sdk.options.eventHandlers.onLoop = (_, results) => {
            pages.push(results.length - seen);
            seen = results.length;
        };
        const answer = await sdk.soap.retrieveBulk(`DataExtensionObject[${key}]`, fields, { filter: filterOf(where) });
        const found = list(answer.Results);
        pages.push(found.length - seen);
        const rows = found.map((one) =>
            Object.fromEntries(list(one.Properties.Property).map(({ Name, Value }) => [Name, String(Value)]))
        );
        return { ok: true, status: answer.OverallStatus, pages, rows };
    },
    async retrieve({ object_type, properties, where }) {
        const answer = await sdk.soap.retrieveBulk(object_type, properties, { filter: filterOf(where) });
        return { ok: true, status: answer.OverallStatus, objects: list(answer.Results).map(texts), renewals };
    },
    async create_import({ key, data_extension, file, ...properties }) {
        return written(
            await sdk.soap.create('ImportDefinition', {
                CustomerKey: key,
                Name: key,
                FileSpec: file,
                ...properties,
                DestinationObject: { '@_xsi:type': 'DataExtension', CustomerKey: data_extension },
                RetrieveFileTransferLocation: { CustomerKey: 'ExactTarget Enhanced FTP' },
            })
        );
    },
    async rename_import({ key, name }) {
        return written(await sdk.soap.update('ImportDefinition', { CustomerKey: key, Name: name }));
    },
    async delete_import({ key }) {
        return written(await sdk.soap.delete('ImportDefinition', { CustomerKey: key }));
    },
    async perform({ key }) {
        const answer = await sdk.soap.perform('ImportDefinition', 'start', { CustomerKey: key });
        const results = list(answer.Results[0].Result);
        return { ok: true, status: answer.OverallStatus, results: results.map(line), task: String(results[0].Task.ID) };
    },
    async rest_rows({ key, page_size }) {
        const answer = await sdk.rest.getBulk(`/data/v1/customobjectdata/key/${key}/rowset`, page_size);
        return { ok: true, rows: answer.items.map((one) => ({ ...one.keys, ...one.values })) };
    },
    async rest_upsert({ key, rows }) {
        const saved = await sdk.rest.post(`/hub/v1/dataevents/key:${key}/rowset`, rows);
        return { ok: true, rows: saved };
    },
};

/** The SDK lets only addresses of the vendor through, so the local one is set after it has looked. */
function newSdk(auth_url, client_id, client_secret, account_id) {
    const vendors = `https://mc${'x'.repeat(26)}.auth.marketingcloudapis.com/`;
    const made = new SDK(
        { client_id, client_secret, account_id, auth_url: vendors },
        { requestAttempts: 2, eventHandlers: { onRefresh: () => renewals++ } }
    );
    made.auth.authObject.auth_url = auth_url;
    made.options = made.soap.options;
    return made;
}

const list = (value) => (Array.isArray(value) ? value : value === undefined || value === '' ? [] : [value]);
const pairs = (row) => Object.entries(row).map(([Name, Value]) => ({ Name, Value }));
const rowOf = (key, row) => ({ CustomerKey: key, Properties: { Property: pairs(row) } });
const line = (one) => ({
    status: one.StatusCode,
    message: one.StatusMessage,
    code: one.ErrorCode === undefined ? null : String(one.ErrorCode),
});
const written = (answer) => ({
    ok: answer.OverallStatus === 'OK',
    status: answer.OverallStatus,
    results: list(answer.Results).map(line),
});

/** What is absent or nil is left out, everything else is text. */
function texts(value) {
    if (value === null || typeof value !== 'object') return String(value);
    return Object.fromEntries(
        Object.entries(value)
            .filter(([, one]) => one !== '')
            .map(([name, one]) => [name, texts(one)])
    );
}

/** The SDK writes one object a call. */
async function eachRow(rows, write) {
    const results = [];
    for (const row of rows) {
        results.push(...(await write(row).then(written).catch(failed)).results);
    }
    const ok = results.every((one) => one.status === 'OK');
    return { ok, status: ok ? 'OK' : 'Has Errors', results };
}

/** A filter in the words of the WSDL, in those of the SDK. */
function filterOf(where) {
    if (!where) return undefined;
    if (where.LogicalOperator) {
        return {
            leftOperand: filterOf(where.LeftOperand),
            operator: where.LogicalOperator,
            rightOperand: filterOf(where.RightOperand),
        };
    }
    return { leftOperand: where.Property, operator: where.SimpleOperator, rightOperand: where.Value };
}

function failed(error) {
    if (!error.response) throw error;
    return {
        ok: false,
        raised: `${error.name}: ${error.message}`,
        code: error.code ?? null,
        http: error.response.status,
        status: error.json?.OverallStatus ?? null,
        results: list(error.json?.Results).map(line),
    };
}

for await (const order of readline.createInterface({ input: process.stdin })) {
    const { do: verb, ...wanted } = JSON.parse(order);
    let answer;
    try {
        answer = await verbs[verb](wanted);
    } catch (error) {
        answer = error.response ? failed(error) : { ok: false, raised: `${error.name}: ${error.message}` };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
}
