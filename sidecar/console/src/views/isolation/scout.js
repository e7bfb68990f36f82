// What there really is at the other tenant, as somebody of theirs sees it: only with real ids is a refusal worth
// anything. With the demo alone, which has a token for everybody.
import { Wire } from './wire.js';

const count = (answer, list) => {
  const n = answer?.payload?.[list]?.length ?? 0;
  return `${answer?.payload?.next ? 'more than ' : ''}${n} ${n === 1 ? list.slice(0, -1) : list}`;
};
const first = (answer, list) => answer?.payload?.[list]?.[0]?.id ?? null;

/** { known, sees: ["project Referrals", ...], close } of a person of the demo; `close` when the attempts are over. */
export async function scout(demo, other) {
  const wire = await Wire.open(demo.addressFor(other.key), await demo.token(other));
  const call = (method, params) => wire.ask({ type: 'call', payload: { method, params } });
  const { payload: hello } = wire.connected;
  const subscribed = await wire.ask({ type: 'subscribe', channel: `project:${other.projectId}` });
  const project = await call('project.get', { id: other.projectId });
  const tasks = await call('task.list', { project_id: other.projectId, limit: 50 });
  const messages = await call('message.list', { project_id: other.projectId, limit: 50 });
  const known = {
    tenant: other.tenant.id,
    project: other.projectId,
    version: other.versionId,
    automation: other.automationId,
    user: hello.user.id,
    task: first(tasks, 'tasks'),
    message: first(messages, 'messages'),
    position: subscribed?.payload?.position ?? hello.position,
    session: hello.session,
    key: hello.key,
  };
  const sees = [
    project?.payload?.name && `the project "${project.payload.name}"`,
    count(tasks, 'tasks'),
    count(messages, 'messages'),
  ].filter(Boolean);
  return { known, sees, wire, close: () => wire.close() };
}
