// Which event goes where, held against the rows: a trigger of the test's own writes down every change of
// a message or a task, and row-level security says who reads which kind of row. From these two follows
// what the members of each channel must be told; the table of events must say exactly that.

import { isFor } from './judge.mjs';

const TABLES = {
  messages: `CASE WHEN project_id IS NULL THEN room_kind || ':' || room_id ELSE 'project:' || project_id END`,
  tasks: `'project:' || project_id`,
};
const KINDS = { messages: 'type', tasks: 'kind' };

// Begins to write down; resolves with the id of the last event before. After the trigger of wrk.enable_events(), which is before it by name.
export async function watchRows(sql) {
  await sql.query(`CREATE TABLE proof.log (seq bigserial, xid bigint, upto bigint, tbl text, id uuid, tenant text,
    old_thread text, old_kind text, new_thread text, new_kind text, is_same boolean)`);
  for (const [table, thread] of Object.entries(TABLES)) {
    // of a row that is not there: NULL
    const side = (row) => `(SELECT ${thread} FROM (SELECT ${row}.*) r), ${row}.${KINDS[table]}`;
    await sql.query(`
      CREATE FUNCTION proof.log_${table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        INSERT INTO proof.log (xid, upto, tbl, id, tenant, old_thread, old_kind, new_thread, new_kind, is_same)
        SELECT pg_current_xact_id()::text::bigint,
          (SELECT max(e.id) FROM wrk.event e WHERE e.xid = pg_current_xact_id()), '${table}',
          coalesce(NEW.id, OLD.id), coalesce(NEW.tenant_id, OLD.tenant_id),
          ${side('OLD')}, ${side('NEW')}, OLD IS NOT DISTINCT FROM NEW;
        RETURN NULL;
      END $$;
      CREATE TRIGGER zz_proof AFTER INSERT OR UPDATE OR DELETE ON copilot.${table}
        FOR EACH ROW EXECUTE FUNCTION proof.log_${table}()`);
  }
  return Number(await sql.query('SELECT last_value FROM wrk.event_id_seq'));
}

// Set of "table kind" that row-level security shows to somebody with these roles in a project of theirs.
export async function readableKinds(sql, tenant, roles) {
  const [project] = tenant.projects;
  const person = tenant.people[0];
  const member = (role) => `('${tenant.id}', '${project}', '${person.id}', '${role}')`;
  const printed = await sql.query(`BEGIN;
    DELETE FROM copilot.project_members WHERE project_id = '${project}';
    INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
      VALUES ${['client', 'builder', 'qa', 'ops'].map(member)};
    INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
      SELECT '${tenant.id}', '${project}', '${person.id}', t, 'x' FROM unnest('{client,ops,internal_note,system}'::text[]) t;
    INSERT INTO copilot.tasks (tenant_id, project_id, kind, title)
      SELECT '${tenant.id}', '${project}', k, 'x' FROM unnest('{general_todo,client_retention,credentials_issue}'::text[]) k;
    SELECT wrk.impersonate('${tenant.id}', '${person.id}', '{${roles}}') \\g /dev/null
    SET LOCAL ROLE wrk_member;
    SELECT DISTINCT 'messages ' || type FROM copilot.messages WHERE project_id = '${project}';
    SELECT DISTINCT 'tasks ' || kind FROM copilot.tasks WHERE project_id = '${project}';
    ROLLBACK`);
  // who is in a room reads it
  return new Set([...printed.split('\n'), 'messages chat']);
}

// What those in a channel who read the row before, after, or both, are to be told.
function told(before, after, change, readers) {
  if (before && after) {
    const has = ({ kinds }, kind) => kinds.has(`${change.tbl} ${kind}`);
    // for those who are of the old readers and of others, too, it goes and comes
    const areSame = readers.every((reader) => has(reader, change.old_kind) === has(reader, change.new_kind));
    if (change.is_same) return '';
    return areSame ? 'updated' : 'deleted,created';
  }
  if (before) return 'deleted';
  return after ? 'created' : '';
}

// Complaints about the table of events after the id `since`. readers: [{ roles, kinds }] to be tried, kinds
// as above.
export async function checkRouting(sql, readers, since) {
  const log = await sql.rows('SELECT * FROM proof.log ORDER BY seq');
  const events = await sql.rows(`SELECT id, xid::text::bigint AS xid, channels, audience, type, payload ->> 'id' AS row,
    payload ? 'data' AS has_data FROM wrk.event WHERE id > ${since} AND type ~ '^(message|task)[.]' ORDER BY id`);
  const byRow = new Map();
  for (const event of events) {
    const key = `${event.xid} ${event.row}`;
    if (!byRow.has(key)) byRow.set(key, []);
    byRow.get(key).push(event);
  }
  const complaints = [];
  const complain = (text) => complaints.length < 5 && complaints.push(text);
  let checked = 0;
  for (const change of log) {
    const own = byRow.get(`${change.xid} ${change.id}`) ?? [];
    const mine = own.splice(0, own.findLastIndex(({ id }) => id <= change.upto) + 1);
    for (const thread of new Set([change.old_thread, change.new_thread].filter(Boolean)))
      for (const { roles, kinds } of readers) {
        const reads = (there, kind) => there === thread && kinds.has(`${change.tbl} ${kind}`);
        const expected = told(reads(change.old_thread, change.old_kind), reads(change.new_thread, change.new_kind), change, readers);
        const channel = `tenant:${change.tenant}:${thread}`;
        const found = mine
          .filter((event) => event.channels.includes(channel) && isFor(event.audience, { id: '', roles }))
          .map(({ type }) => type.split('.')[1]);
        checked++;
        if (found.join() !== expected)
          complain(`${JSON.stringify(change)}: ${roles} on ${thread} are told [${found}], not [${expected}]`);
      }
    for (const event of mine)
      if (event.type.endsWith('.deleted') && event.has_data) complain(`${event.id} ${event.type} says what was in the row`);
  }
  for (const [key, left] of byRow) if (left.length > 0) complain(`events without a change of a row: ${key}`);
  return { complaints, checked, changes: log.length };
}
