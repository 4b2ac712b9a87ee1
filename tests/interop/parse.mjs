// Judges SOQL texts with a parser that nobody here wrote. Input: a list of texts. Output, for each: what is wrong with it,
// or the object and the field paths that it names, in SELECT, WHERE and ORDER BY, those of child queries apart.
import { parseQuery } from '@jetstreamapp/soql-parser-js';
import { text } from 'node:stream/consumers';

function conditions(where, found) {
  if (!where) return;
  for (const side of [where.left, where.right]) {
    if (!side) continue;
    if (side.left || side.right) conditions(side, found);
    if (side.field) found.push(side.field);
  }
}

function named(query) {
  const found = [];
  const children = [];
  for (const field of query.fields ?? []) {
    if (field.type === 'Field') found.push(field.field);
    else if (field.type === 'FieldRelationship') found.push([...field.relationships, field.field].join('.'));
    else if (field.type === 'FieldSubquery') children.push({ relationship: field.subquery.relationshipName, ...named(field.subquery) });
    else if (field.type === 'FieldFunctionExpression') found.push(...field.parameters.filter((p) => typeof p === 'string'));
  }
  conditions(query.where, found);
  for (const order of [query.orderBy ?? []].flat()) if (order.field) found.push(order.field);
  return { object: query.sObject ?? null, fields: found, children };
}

const texts = JSON.parse(await text(process.stdin));
const verdicts = texts.map((soql) => {
  try {
    return named(parseQuery(soql));
  } catch (error) {
    return { wrong: String(error.message ?? error) };
  }
});
process.stdout.write(JSON.stringify(verdicts));
