// Comments on the nodes of the blueprint: messages of the automation version's own thread with an anchor. The node
// that is selected on the canvas is the one that is commented on next.
import { useEffect, useMemo, useRef, useState } from 'react';

import { useBlueprint } from '@wrk-copilot/realtime/react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { labelOf, nodesOf } from '../project/flow.js';
import { groupComments } from './comment_groups.js';
import { Composer } from './composer.jsx';
import { Message } from './message.jsx';
import { useMessageActions } from './use_message_actions.js';

function NodeChoice({ titles, chosen, choose }) {
  return (
    <label className="talk-node-choice">
      <span>On</span>
      <select value={chosen} onChange={({ target }) => choose(target.value)}>
        <option value="">the whole blueprint</option>
        {[...titles].map(([id, title]) => (
          <option key={id} value={id}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}

function Group({ group, stateOf, actions, me, can, people, hit, showNode }) {
  const { node, title, isGone, comments } = group;
  const canShow = node !== null && !isGone && showNode;
  return (
    <li className="talk-comment-group" data-comments-on={node ?? ''}>
      <h2>
        {canShow ? (
          <button type="button" className="text-button talk-link" onClick={() => showNode('nodes', node)} data-tip="Show on canvas">
            <Icon name="link" /> {title}
          </button>
        ) : (
          title
        )}
        <span className="badge">{comments.length}</span>
      </h2>
      <ol className="talk-messages">
        {comments.map((message) => (
          <Message
            key={message.key ?? message.id}
            message={message}
            isFirst
            isOwn={message.author_id === me}
            isTarget={message.id === hit}
            state={stateOf(message)}
            can={can}
            people={people}
            actions={actions}
          />
        ))}
      </ol>
    </li>
  );
}

export function Comments({ thread, me, can, people, versionId, target, node, showNode }) {
  const { messages, unread, markRead, isLoaded, error, hasOlder, loadOlder, stateOf } = thread;
  const actions = useMessageActions(thread);
  const { document: blueprint } = useBlueprint(versionId);
  const titles = useMemo(() => new Map(nodesOf(blueprint).map((one) => [String(one.id), labelOf(one)])), [blueprint]);
  const groups = useMemo(() => groupComments(messages, titles), [messages, titles]);
  const [chosen, setChosen] = useState(node ?? '');
  const box = useRef(null);
  const hit = target?.type === 'comment' ? target.id : null;
  useEffect(() => void (node && setChosen(node)), [node]);
  const on = titles.has(chosen) ? chosen : '';
  useEffect(() => {
    if (unread > 0 && document.visibilityState === 'visible') markRead();
  }, [unread, markRead]);
  useEffect(() => {
    if (!hit) return;
    const found = box.current.querySelector(`[data-message="${CSS.escape(hit)}"]`);
    found?.scrollIntoView({ block: 'center' });
    found?.focus();
  }, [hit, target, isLoaded]);
  const showMine = () =>
    requestAnimationFrame(() => box.current?.querySelector(`[data-comments-on="${CSS.escape(on)}"]`)?.scrollIntoView({ block: 'nearest' }));
  return (
    <div role="group" className="talk-thread" aria-label="Comments">
      <div className="talk-scroll" ref={box} role="log" aria-label="Comments on the blueprint" tabIndex={0}>
        <ul className="talk-comment-groups">
          {groups.map((group) => (
            <Group key={group.node ?? group.title} group={group} hit={hit} {...{ stateOf, actions, me, can, people, showNode }} />
          ))}
        </ul>
        {hasOlder && (
          <p className="talk-older">
            <button type="button" className="button quiet small" onClick={() => loadOlder().catch(() => {})}>
              Load older comments
            </button>
          </p>
        )}
        {messages.length === 0 && isLoaded && (
          <Empty icon="comment" title="No comments yet">
            Select a node on the canvas to comment on it.
          </Empty>
        )}
      </div>
      <ErrorLine error={isLoaded ? null : error} what="Comments could not be loaded." />
      <NodeChoice titles={titles} chosen={on} choose={setChosen} />
      <Composer thread={thread} can={can} people={people} me={me} resource={versionId && `automation_version:${versionId}`} anchor={on ? { node: on } : null} sent={showMine} />
    </div>
  );
}
