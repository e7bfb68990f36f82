// Facts of the audit log that are no change of a row, in words: what was refused, and what else was reported.
const ROLES = {
  client: 'a client',
  builder: 'a builder',
  qa: 'a tester',
  ops: 'an operations member',
  ops_admin: 'an operations admin',
  cs_admin: 'a customer success admin',
  admin: 'an admin',
  system: 'the system',
};

const THINGS = {
  audit: 'the audit log',
  history: 'the history',
  client: 'the client record',
  usage: 'usage',
  billing: 'billing',
  pipeline: 'the pipeline',
  presence: 'who is online',
  admin: 'administration',
  apikey: 'API keys',
  price: 'prices',
};

const VERBS = { list: 'list', get: 'open', set: 'change', apply: 'edit', replace: 'replace', mark_read: 'mark as read' };

const plural = (noun) => (noun.endsWith('s') ? noun : `${noun.replace(/y$/, 'ie')}s`);

const thingOf = (name) => THINGS[name] ?? plural(name.replaceAll('_', ' '));

/** "list tasks", "edit blueprints", "read the audit log": what a call is for. */
function callWords(method) {
  const [thing, ...rest] = String(method ?? '').split('.');
  const verb = rest.join(' ');
  if (!verb) return `call “${method}”`;
  if (THINGS[thing] && (verb === 'list' || verb === 'get')) return `read ${THINGS[thing]}`;
  return `${VERBS[verb] ?? verb.replaceAll('_', ' ')} ${thingOf(thing)}`;
}

/** "follow a project": what a channel is about. */
function channelWords(name) {
  const kind = String(name ?? '').replace(/^tenant:[^:]*:/, '').split(/[:/]/)[0];
  if (kind === 'tenant') return 'follow the company';
  if (kind === 'presence') return 'see who is there';
  if (kind === 'audit') return 'follow the audit log';
  return `follow ${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind.replaceAll('_', ' ')}`;
}

const who = (roles) => ROLES[roles?.[0]] ?? 'this user';

const REASONS = {
  not_found: 'it does not exist, or belongs to someone else',
  bad_request: 'the request was not valid',
  conflict: 'someone else was faster',
  invalid_transition: 'the status does not allow it',
  token_expired: 'the login had expired',
  session_revoked: 'the session had been ended',
  unauthorized: 'the login was not valid',
  rate_limited: 'too many requests',
  limit_exceeded: 'a limit was reached',
  too_stale: 'the version is too old',
  too_large: 'it is too large',
  locked: 'someone else has locked it',
};

/** "Refused: a client cannot read the audit log", or null for an entry that is no refusal. */
export function refusalWords({ action, resource_id: name, roles, metadata }) {
  const [kind, what] = String(action).split('.');
  if (what !== 'refused') return null;
  const { code, left_out: more } = metadata ?? {};
  const wanted = kind === 'call' ? callWords(name) : kind === 'channel' ? channelWords(name) : 'log in';
  const reason = REASONS[code] ?? (code ? String(code).replaceAll('_', ' ') : 'no reason was recorded');
  const said = code === 'forbidden' ? `${who(roles)} cannot ${wanted}` : `${wanted}: ${reason}`;
  return `Refused: ${said}${more ? `, and ${more} more like it` : ''}`;
}

const FACTS = {
  'identity.impersonated': 'Acted on behalf of the user',
  'api_key.created': 'API key created',
  'api_key.revoked': 'API key revoked',
  'api_key.rotated': 'API key rotated',
  'jwt_key.imported': 'Signing key added',
  'seal_key.created': 'Seal key created',
  'lock.stolen': 'Lock taken over',
  'session.refresh_reused': 'Refresh token used twice, session ended',
  'member.activated': 'Member activated',
  'member.deactivated': 'Member deactivated',
  'password.changed': 'Password changed',
  'admin.paused_all': 'All automations paused',
  'admin.reassigned': 'Work reassigned',
  'admin.job_retried': 'Job retried',
  'audit.retention': 'Old entries removed by retention',
};

/** What a reported fact is called. */
export const factWords = (action) => FACTS[action] ?? null;
