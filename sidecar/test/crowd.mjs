// Several tenants with projects, rooms and people of all roles, made in the product's own tables, and
// what the database says of them.

import { FENCE } from './tireless.mjs';
import { quote } from './e2e.mjs';

const ROLES = ['client', 'builder', 'qa', 'ops', 'admin'];

// Settings of a gateway at which a few people may do what thousands do, and who slept long need not
// start anew.
export const patient = {
  reconnect_max: 300,
  replay_rows: 100000,
  rate_limit: 100000,
  rate_burst: 100000,
  abuse_limit: 1000000,
  ban_after: 0,
  user_connections: 0,
  user_requests: 0,
  tenant_requests: 0,
  ...Object.fromEntries(
    ['user', 'tenant'].flatMap((whose) =>
      ['calls', 'publishes', 'subscribes', 'others'].flatMap((what) =>
        ['second', 'minute'].map((time) => [`${whose}_${what}_${time}`, 0]),
      ),
    ),
  ),
};

const uuid = (tenant, kind, n) =>
  `00000000-0000-4000-8${String(tenant).padStart(3, '0')}-${kind}${String(n).padStart(11, '0')}`;

const times = (n, make) => Array.from({ length: n }, (_, i) => make(i + 1));

const values = (rows) => rows.map((row) => `(${row.map(quote)})`).join(', ');

// { tenants: [{ id, projects, rooms: [{ id, kind, members }], people }] }: plain data, not in the
// database yet. Builders and testers are members of every second project.
export function crowd({ tenants, projects, rooms, people }) {
  return times(tenants, (t) => {
    const id = uuid(t, 1, 0);
    const tenant = { id, name: `T${t}`, projects: times(projects, (n) => uuid(t, 2, n)) };
    tenant.people = times(people, (n) => {
      const role = ROLES[n % ROLES.length];
      return { id: uuid(t, 3, n), name: `t${t}u${n}`, tenant, roles: [role], role };
    });
    tenant.rooms = times(rooms, (n) => ({ id: uuid(t, 4, n), kind: n % 2 ? 'chat' : 'workspace' }));
    tenant.memberships = tenant.people
      .filter(({ role }) => role === 'builder' || role === 'qa')
      .flatMap((person, i) =>
        tenant.projects.filter((_, p) => (p + i) % 2).map((project) => ({ project, person })),
      );
    tenant.roomMembers = tenant.rooms.flatMap((room, r) =>
      tenant.people.filter((_, p) => (p + r) % 3).map((person) => ({ room, person })),
    );
    // short names of everything there is to follow, whoever may
    tenant.channels = [
      ...tenant.projects.map((p) => `project:${p}`),
      ...tenant.rooms.map(({ id: room, kind }) => `${kind}:${room}`),
    ];
    return tenant;
  });
}

function settle({ id, name, projects, rooms, people, memberships, roomMembers }) {
  const everyone = people.map(({ id: user, name: who }) => [user, `${who}@wrk.example`, who]);
  return [
    `INSERT INTO copilot.tenants (id, name, slug) VALUES ('${id}', '${name}', lower('${name}'))`,
    `INSERT INTO copilot.users (id, email, name) VALUES ${values(everyone)}`,
    `INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES ${values(people.map((p) => [id, p.id]))}`,
    `INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES ${values(people.map((p) => [id, p.id, p.role]))}`,
    `INSERT INTO copilot.projects (tenant_id, id, name, status)
       VALUES ${values(projects.map((p) => [id, p, 'P', 'in_progress']))}`,
    `INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
       VALUES ${values(memberships.map(({ project, person }) => [id, project, person.id, person.role]))}`,
    `INSERT INTO copilot.rooms (tenant_id, id, kind, name) VALUES ${values(rooms.map((r) => [id, r.id, r.kind, 'R']))}`,
    `INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id)
       VALUES ${values(roomMembers.map(({ room, person }) => [id, room.id, room.kind, person.id]))}`,
  ];
}

// Writes them into the tables, and what the proof needs of its own into schema proof.
export async function moveIn(sql, tenants) {
  await sql.query(['BEGIN', 'SELECT wrk.status_import()', ...tenants.flatMap(settle), 'COMMIT'].join(';\n'));
  await sql.query(`
    CREATE SCHEMA proof;
    CREATE FUNCTION proof.channels(tenant text, person text, roles text[], names text[]) RETURNS jsonb
    LANGUAGE plpgsql AS $$
    DECLARE
      may jsonb := '{}';
      name text;
    BEGIN
      PERFORM wrk.impersonate(tenant, person, roles);
      FOREACH name IN ARRAY names LOOP
        BEGIN
          may := may || jsonb_build_object(name, wrk.channel_resolve(name) ->> 'channel');
        EXCEPTION WHEN SQLSTATE 'WK404' THEN
          NULL;
        END;
      END LOOP;
      RETURN may;
    END $$`);
}

// { name: canonical name } of the channels that the database lets a person join
export function channelsOf(sql, { id, tenant }, roles) {
  const names = [`tenant:${tenant.id}`, `tenant:${tenant.id}:user:${id}`, ...tenant.channels];
  return sql.json(
    `SELECT proof.channels('${tenant.id}', '${id}', '{${roles}}', '{${names}}')`,
  );
}

// Commits one more event on each channel of the tenants: in order, what was committed before and has
// not come by then never will.
export async function putFence(sql, tenants, n) {
  for (const { id, channels, people } of tenants) {
    const names = [`tenant:${id}`];
    for (const name of channels) names.push(`tenant:${id}:${name}`);
    for (const person of people) names.push(`tenant:${id}:user:${person.id}`);
    while (names.length > 0)
      await sql.query(
        `SELECT wrk.emit('${FENCE}', '{"n": ${n}}', '{${names.splice(0, 30)}}', tenant_id => '${id}')`,
      );
  }
}

// every event there is, as a judge wants it
export function allEvents(sql) {
  return sql.rows(`SELECT id, xid::text::bigint AS xid, channels, audience, class, type, state_key FROM wrk.event
    WHERE class <> 'x' ORDER BY xid`);
}
