// Beside the canvas: who is there, what they say, also of single nodes, what is to be done, and what one should know.
// node: the one that is selected on the canvas; showNode('nodes', id) shows another one there, openVersion(id) another blueprint.
import '../../parts/parts.css';
import './talk.css';
import { useState } from 'react';

import { useConnectionStatus, useMessages, useNotifications, useProjectRealtime, useRealtime, useTasks } from '@wrk-copilot/realtime/react';

import { leaveFor, useArrival } from './arrival.js';
import { Comments } from './comments.jsx';
import { Messages } from './messages.jsx';
import { Notifications } from './notifications.jsx';
import { usePeople } from './use_people.js';
import { PresenceRow } from './presence_row.jsx';
import { TalkTabs } from './talk_tabs.jsx';
import { Tasks } from './tasks.jsx';

export default function Talk({ person, projectId, versionId, documents = null, openVersion = null, node = null, showNode = null }) {
  useConnectionStatus(); // who one is comes with the connection
  const me = useRealtime().user;
  const arrival = useArrival(person.key, versionId);
  const [tab, setTab] = useState(arrival?.tab ?? 'messages');
  const [target, setTarget] = useState(arrival?.target ?? null); // what a notification leads to: { type, id }
  const { project } = useProjectRealtime(projectId);
  const thread = useMessages(projectId);
  const people = usePeople({ projectId, project, me: me?.id, person });
  const comments = useMessages(versionId && `automation_version:${versionId}`);
  const list = useTasks(projectId);
  const news = useNotifications();
  const open = list.tasks.filter(({ status }) => status !== 'done' && status !== 'cancelled').length;
  const lead = (to) => {
    const next = { task: 'tasks', comment: 'comments', version: 'news' }[to.type] ?? 'messages';
    setTab(next);
    setTarget({ ...to });
    if (!to.version || to.version === versionId) return;
    leaveFor(person.key, { version: to.version, tab: next, target: { ...to } });
    openVersion(to.version);
  };
  const tabs = [
    { key: 'messages', title: 'Messages', icon: 'chat', count: thread.unread, counted: 'unread', isStrong: true },
    { key: 'comments', title: 'Comments', icon: 'comment', count: comments.unread, counted: 'unread', isStrong: true },
    { key: 'tasks', title: 'Tasks', icon: 'task', count: open, counted: 'open' },
    { key: 'news', title: 'Notifications', icon: 'bell', count: news.unread, counted: 'unread', isStrong: true },
  ];
  // what the database would refuse is not offered; until it is known, nothing is
  const about = { me: me?.id, can: project?.can, people, projectId, versionId, target };
  return (
    <div className="talk">
      <PresenceRow projectId={projectId} people={people} />
      <TalkTabs tabs={tabs} chosen={tab} choose={setTab}>
        {tab === 'messages' && <Messages key={projectId} thread={thread} {...about} />}
        {tab === 'comments' && <Comments key={versionId} thread={comments} node={node} showNode={showNode} {...about} />}
        {tab === 'tasks' && <Tasks key={projectId} list={list} {...about} />}
        {tab === 'news' && <Notifications news={news} projectId={projectId} versionId={versionId} versions={documents?.versions} lead={lead} />}
      </TalkTabs>
    </div>
  );
}
