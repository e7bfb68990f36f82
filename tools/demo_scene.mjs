// What the console's page shows at first: who may be played, a blueprint as React Flow has it, some talk.

import { as, helios, northwind } from './demo_data.mjs';
import { quote } from './lab.mjs';

const id = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

// versions whose blueprints are drawn; their automations are those of demo_data.mjs
export const drawn = { northwind: id(111), helios: id(211) };

const of = (tenant, version) => (person, ...roles) => ({ ...person, tenant, roles, version });
const freight = of(northwind, drawn.northwind);

export const cast = {
  clara: freight(northwind.clara, 'client'),
  oskar: freight(northwind.oskar, 'ops'),
  bruno: freight(northwind.bruno, 'builder'),
  quinn: freight(northwind.quinn, 'qa'),
  olga: freight(northwind.olga, 'ops_admin'),
  bea: of(helios, drawn.helios)(helios.bea, 'client'),
};

// rows of [id, kind, label, x, y, what else is known of it]
function blueprint(nodes, edges) {
  return {
    nodes: nodes.map(([key, kind, label, x, y, more = {}]) => ({
      id: key,
      position: { x, y },
      data: { label, kind, ...more },
    })),
    edges: edges.map(([source, target, label]) => ({ id: `${source}-${target}`, source, target, ...(label && { label }) })),
  };
}

const freightInvoices = blueprint(
  [
    ['mail', 'trigger', 'Mail with an invoice arrives', 0, 120, { system: 'Exchange', note: 'Mailbox invoices@northwind' }],
    ['read', 'extract', 'Read the document', 260, 120, { system: 'OCR', minutes: 1 }],
    ['match', 'lookup', 'Find the shipment', 520, 120, { system: 'TMS', note: 'By waybill, else by date and lane' }],
    ['decide', 'decision', 'Within the agreed rate?', 780, 120, { tolerance: '2 %' }],
    ['book', 'write', 'Enter it in SAP', 1060, 20, { system: 'SAP', minutes: 1 }],
    ['ask', 'human', 'Ask the carrier', 1060, 220, { owner: 'Oskar', note: 'Template C-12' }],
    ['wait', 'wait', 'Wait for the answer', 1320, 220, { days: 5 }],
    ['report', 'write', 'Weekly report', 1320, 20, { system: 'Power BI' }],
  ],
  [
    ['mail', 'read'],
    ['read', 'match'],
    ['match', 'decide'],
    ['decide', 'book', 'yes'],
    ['decide', 'ask', 'no'],
    ['ask', 'wait'],
    ['wait', 'decide', 'answered'],
    ['book', 'report'],
  ],
);

const referrals = blueprint(
  [
    ['fax', 'trigger', 'Referral arrives', 0, 80, { system: 'Fax server' }],
    ['read', 'extract', 'Read it', 260, 80, { minutes: 1 }],
    ['urgent', 'decision', 'Urgent?', 520, 80],
    ['call', 'human', 'Call the patient', 780, 0, { owner: 'Front desk' }],
    ['book', 'write', 'Offer an appointment', 780, 160, { system: 'Doctolib' }],
  ],
  [
    ['fax', 'read'],
    ['read', 'urgent'],
    ['urgent', 'call', 'yes'],
    ['urgent', 'book', 'no'],
  ],
);

const version = (tenant, key, number, document) => `INSERT INTO copilot.automation_versions
    (tenant_id, id, automation_id, number, status, intake_progress, blueprint_json)
  VALUES ('${tenant.id}', '${key}', '${tenant.automation}', ${number}, 'build_in_progress', 100, ${quote(document)})`;

// what somebody does, as their own doing: the audit log says so
const by = ({ tenant, roles, ...person }, statement) => `BEGIN; ${as(tenant, person, roles[0], statement)}; COMMIT`;

const says = (person, type, body) =>
  by(person, `INSERT INTO copilot.messages (project_id, type, body) VALUES ('${person.tenant.project}', '${type}', ${quote(body)})`);

const asks = (person, title, { assignee, priority = 'normal' } = {}) =>
  by(
    person,
    `INSERT INTO copilot.tasks (project_id, title, priority, assignee_id)
  VALUES ('${person.tenant.project}', ${quote(title)}, '${priority}', ${quote(assignee?.id)})`,
  );

// Fills in what the page shows; the companies themselves are demo_data.mjs's.
export async function setScene(sql) {
  const { clara, oskar, bruno, quinn, bea } = cast;
  const statements = [
    'BEGIN; SELECT wrk.status_import() \\g /dev/null',
    version(northwind, drawn.northwind, 3, freightInvoices),
    version(helios, drawn.helios, 2, referrals),
    'COMMIT',
    ...Object.entries({ northwind, helios }).map(
      ([name, { id: tenant, project }]) =>
        `UPDATE copilot.projects SET automation_version_id = '${drawn[name]}' WHERE tenant_id = '${tenant}' AND id = '${project}'`,
    ),
    says(clara, 'client', 'The carriers send more and more PDFs that are scans. Does the reading step cope?'),
    says(oskar, 'client', 'It does above 200 dpi. What is worse goes to a person, see "Ask the carrier".'),
    says(oskar, 'internal_note', 'Rate tolerance is 2 % in the contract, page 4.'),
    says(quinn, 'ops', 'I test with the invoices of March, all 214 of them.'),
    asks(oskar, 'Sample invoices of three carriers', { assignee: clara }),
    asks(bruno, 'Service account for SAP', { assignee: oskar, priority: 'high' }),
    asks(oskar, 'Rate table as CSV', { assignee: clara }),
    asks(bruno, 'Test with the invoices of March', { assignee: quinn }),
    says(bea, 'client', 'Urgent ones must be called on the same day.'),
    'SELECT wrk.seal() \\g /dev/null',
  ];
  await sql.query(statements.join(';\n'));
}
