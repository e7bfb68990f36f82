// The two companies of the demo, and what happens to them.

import { quote } from './lab.mjs';

const id = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

export const northwind = {
  id: id(1),
  name: 'Northwind Freight',
  slug: 'northwind',
  clara: { id: id(11), name: 'Clara', email: 'clara.voss@northwind.example' },
  oskar: { id: id(12), name: 'Oskar', email: 'oskar.lind@wrk.example' },
  eve: { id: id(13), name: 'Eve', email: 'eve.marsh@northwind.example' },
  bruno: { id: id(14), name: 'Bruno', email: 'bruno.hale@wrk.example' },
  quinn: { id: id(15), name: 'Quinn', email: 'quinn.ashby@wrk.example' },
  olga: { id: id(16), name: 'Olga', email: 'olga.reyes@wrk.example' },
  automation: id(101),
  automationName: 'Freight invoice intake',
  version: id(102), // being built
  revision: id(105), // the next one, at the beginning of its life
  project: id(103),
  projectName: 'Freight invoices',
  task: id(104),
};

export const helios = {
  id: id(2),
  name: 'Helios Clinics',
  slug: 'helios',
  bea: { id: id(21), name: 'Bea', email: 'bea.okafor@helios.example' },
  automation: id(201),
  automationName: 'Referral triage',
  version: id(202),
  project: id(203),
  projectName: 'Referrals',
  task: id(204),
};

const blueprint = {
  nodes: [
    { id: 'n1', type: 'trigger', label: 'Mail with attachment arrives' },
    { id: 'n2', type: 'extract', label: 'Read the document' },
    { id: 'n3', type: 'decision', label: 'Is everything there?' },
    { id: 'n4', type: 'write', label: 'Enter it' },
  ],
  edges: [
    { id: 'e1', source: 'n1', target: 'n2' },
    { id: 'e2', source: 'n2', target: 'n3' },
    { id: 'e3', source: 'n3', target: 'n4' },
  ],
};

// who works in a project takes part in it by name
const staff = ['builder', 'qa'];

function company(tenant, people) {
  const { id, name, slug, automation, automationName, version, project, projectName, task } =
    tenant;
  const statements = [
    // rows that are in the midst of their life
    'BEGIN; SELECT wrk.status_import()',
    `INSERT INTO copilot.tenants (id, name, slug) VALUES ('${id}', ${quote(name)}, '${slug}')`,
    ...people.flatMap(([person, role]) => [
      `INSERT INTO copilot.users (id, email, name) VALUES ('${person.id}', '${person.email}', ${quote(person.name)})`,
      `INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES ('${id}', '${person.id}')`,
      `INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES ('${id}', '${person.id}', '${role}')`,
    ]),
    `INSERT INTO copilot.automations (tenant_id, id, name, created_by)
       VALUES ('${id}', '${automation}', ${quote(automationName)}, '${people[0][0].id}')`,
    `INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, status, intake_progress, blueprint_json)
       VALUES ('${id}', '${version}', '${automation}', 'build_in_progress', 100, ${quote(blueprint)})`,
    `INSERT INTO copilot.projects (tenant_id, id, name, status, automation_id, automation_version_id)
       VALUES ('${id}', '${project}', ${quote(projectName)}, 'in_progress', '${automation}', '${version}')`,
    ...people
      .filter(([, role]) => staff.includes(role))
      .map(
        ([person, role]) => `INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
       VALUES ('${id}', '${project}', '${person.id}', '${role}')`,
      ),
    `INSERT INTO copilot.tasks (tenant_id, id, project_id, title)
       VALUES ('${id}', '${task}', '${project}', 'Get access to the mailbox')`,
    'COMMIT',
  ];
  return statements.join(';\n');
}

// Fills the tables of the application.
export async function seed(sql) {
  const { clara, oskar, eve, bruno, quinn, olga } = northwind;
  await sql.query(
    company(northwind, [
      [clara, 'client'],
      [oskar, 'ops'],
      [eve, 'client'],
      [bruno, 'builder'],
      [quinn, 'qa'],
      [olga, 'ops_admin'],
    ]),
  );
  await sql.query(company(helios, [[helios.bea, 'client']]));
  await sql.query(`INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, number, intake_progress)
    VALUES ('${northwind.id}', '${northwind.revision}', '${northwind.automation}', 2, 100)`);
}

// SQL that does something in a person's name and with no other rights; for use in a transaction
export const as = (tenant, person, role, sql) =>
  `SELECT wrk.impersonate('${tenant.id}', '${person.id}', '{${role}}') \\g /dev/null
  SET LOCAL ROLE wrk_member; ${sql}`;

const message = (
  tenant,
  author,
  type,
  body,
) => `INSERT INTO copilot.messages (tenant_id, project_id, author_id, type, body)
  VALUES ('${tenant.id}', '${tenant.project}', '${author.id}', '${type}', ${quote(body)})`;

const setStatus = (status) =>
  `UPDATE copilot.automation_versions SET status = '${status}' WHERE id = '${northwind.version}'`;

const { clara, oskar, bruno, quinn, olga } = northwind;
const staffOnly = ['oskar'];
const company1 = ['clara', 'oskar'];

// sees: who must get it; nobody else may
export const steps = [
  {
    what: 'the client writes',
    sees: company1,
    sql: message(northwind, clara, 'client', 'When do we go live?'),
  },
  {
    what: 'operations answer',
    sees: company1,
    sql: message(northwind, oskar, 'client', 'On Monday, if the test passes.'),
  },
  {
    what: 'a message among staff (ops)',
    sees: staffOnly,
    sql: message(northwind, oskar, 'ops', 'Mailbox access is late again.'),
  },
  {
    what: 'an internal note',
    sees: staffOnly,
    sql: message(northwind, oskar, 'internal_note', 'Discount possible.'),
  },
  {
    what: 'a message in the other company',
    sees: ['bea'],
    sql: message(helios, helios.bea, 'client', 'Is it safe?'),
  },
  {
    what: 'a task is done',
    sees: company1,
    sql: `UPDATE copilot.tasks SET status = 'done' WHERE id = '${northwind.task}'`,
  },
  {
    what: 'an automation goes to QA',
    sees: company1,
    sql: as(northwind, bruno, 'builder', setStatus('qa_testing')),
  },
  {
    what: 'one statement, rows of both companies',
    sees: ['clara', 'oskar', 'bea'],
    sql: `UPDATE copilot.projects SET checklist_progress = checklist_progress + 10`,
  },
  {
    what: 'an UPDATE that changes nothing',
    sees: [],
    sql: `UPDATE copilot.projects SET name = name`,
  },
  {
    what: 'a change that is rolled back',
    sees: [],
    rolledBack: true,
    sql: as(northwind, quinn, 'qa', setStatus('ready_to_launch')),
  },
];

// what was made when the build began
const checklistDone = `UPDATE copilot.tasks SET status = 'done'
  WHERE automation_version_id = '${northwind.revision}' AND kind = 'build_checklist'; `;

// one step in the life of the revision: who makes it, what of, and the state it leads to
const step = (person, role, what, becomes, { ask = becomes, reason = null, first = '' } = {}) => ({
  person,
  what: `${person.name} ${what}`,
  becomes,
  sql: as(
    northwind,
    person,
    role,
    `${first}SELECT wrk.transition('copilot.automation_versions', '${northwind.revision}', '${ask}', ${quote(reason)})`,
  ),
});

// the life of the revision, from intake to archive
export const life = [
  step(clara, 'client', 'submits the intake', 'needs_pricing'),
  step(oskar, 'ops', 'prices it', 'awaiting_client_approval'),
  step(clara, 'client', 'says no', 'needs_pricing', { reason: 'Too expensive' }),
  step(oskar, 'ops', 'makes a better offer', 'awaiting_client_approval'),
  step(clara, 'client', 'approves', 'build_in_progress'),
  step(bruno, 'builder', 'hands it over to QA', 'qa_testing', { first: checklistDone }),
  step(quinn, 'qa', 'fails it', 'build_in_progress', { reason: 'Dates are read wrong' }),
  step(bruno, 'builder', 'hands it over again', 'qa_testing'),
  step(quinn, 'qa', 'passes it', 'ready_to_launch'),
  step(oskar, 'ops', 'launches it', 'live'),
  step(clara, 'client', 'pauses it', 'paused'),
  step(clara, 'client', 'takes it back to where it was', 'live', { ask: 'previous' }),
  step(olga, 'ops_admin', 'archives it', 'archived'),
];
