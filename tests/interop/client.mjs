// jsforce, a client that nobody here wrote, works in the sandbox as in an org. Input: the ready file's "salesforce" part.
// Output: what it saw, for Python to judge.
import jsforce from 'jsforce';
import { text } from 'node:stream/consumers';

const org = JSON.parse(await text(process.stdin));
const connection = new jsforce.Connection({
  oauth2: { clientId: org.client_id, clientSecret: org.client_secret, loginUrl: org.url },
  instanceUrl: org.url,
  version: org.api_version,
});
const seen = {};

const user = await connection.authorize({ grant_type: 'client_credentials' });
seen.user = { id: user.id, organizationId: user.organizationId };

const account = await connection.sobject('Account').create({ Name: 'Interop Ltd', Billing_Email__c: 'ap@interop.example' });
seen.created = account;
await connection.sobject('Account').update({ Id: account.id, Website: 'https://interop.example' });
seen.account = await connection.sobject('Account').retrieve(account.id);

const many = Array.from({ length: 250 }, (_, i) => ({ Name: `Row ${String(i).padStart(3, '0')}` }));
const results = await connection.sobject('Account').create(many, { allowRecursive: true });
seen.manyCreated = results.filter((r) => r.success).length;

const soql = "SELECT Id, Name FROM Account WHERE Name LIKE 'Row %' ORDER BY Name";
const first = await connection.query(soql, { headers: { 'Sforce-Query-Options': 'batchSize=200' } });
seen.firstPage = { rows: first.records.length, total: first.totalSize, done: first.done };
const rest = await connection.queryMore(first.nextRecordsUrl);
seen.secondPage = { rows: rest.records.length, done: rest.done, last: rest.records.at(-1)?.Name };

const issues = connection.sobject('Billing_Issue__c');
const issue = { Billing_Key__c: 'interop-1', Code__c: 'DATA-201', Title__c: 'First', Account__c: account.id };
seen.upsertNew = await issues.upsert(issue, 'Billing_Key__c');
seen.upsertKnown = await issues.upsert({ ...issue, Title__c: 'Second' }, 'Billing_Key__c');
const rows = Array.from({ length: 210 }, (_, i) => ({ Billing_Key__c: `interop-${i + 1}`, Code__c: 'DATA-201', Title__c: `Many ${i + 1}` }));
const upserted = await issues.upsert(rows, 'Billing_Key__c', { allowRecursive: true });
seen.upsertMany = { ok: upserted.filter((r) => r.success).length, created: upserted.filter((r) => r.created).length };
const mixed = await issues.upsert([
  { Billing_Key__c: 'interop-good', Code__c: 'DATA-201', Title__c: 'Good' },
  { Billing_Key__c: 'interop-bad', Code__c: 'DATA-201', Title__c: 'Bad', Status__c: 'No such status' },
], 'Billing_Key__c');
seen.upsertMixed = mixed.map((r) => ({ success: r.success, errors: (r.errors ?? []).map((e) => e.statusCode ?? e.errorCode) }));

const described = await connection.sobject('Billing_Invoice__c').describe();
seen.described = described.fields.find((f) => f.name === 'Billing_Key__c');
seen.objects = (await connection.describeGlobal()).sobjects.map((s) => s.name);

const several = await connection.sobject('Account').retrieve([account.id, ...first.records.slice(0, 2).map((r) => r.Id)]);
seen.retrieved = several.map((r) => r.Name);

await connection.sobject('Account').destroy(first.records[0].Id);
const count = "SELECT Id, IsDeleted FROM Account WHERE Name LIKE 'Row %'";
seen.afterDelete = (await connection.query(count)).totalSize;
seen.withDeleted = (await connection.query(count, { scanAll: true })).totalSize;

seen.refused = [];
for (const attempt of [
  () => connection.query('SELECT Nothing__c FROM Account'),
  () => connection.query('SELECT Id FROM Account WHERE'),
  () => connection.sobject('Account').create({ Website: 'https://nameless.example' }),
  () => connection.sobject('Account').retrieve('001000000000000AAA'),
]) {
  try {
    await attempt();
    seen.refused.push(null);
  } catch (error) {
    seen.refused.push(error.errorCode ?? error.name);
  }
}
process.stdout.write(JSON.stringify(seen));
