// The thread of the project: what was said, where the unread begins, and the line to write.
import { useEffect, useMemo, useRef, useState } from 'react';

import { useTyping } from '@wrk-copilot/realtime/react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { typingSentence } from '../../parts/people.js';
import { Composer } from './composer.jsx';
import { Dots } from './dots.jsx';
import { Piece } from './piece.jsx';
import { chunksOf, firstUnread, rowsOf } from './rows.js';
import { useMessageActions } from './use_message_actions.js';
import { useReading } from './use_reading.js';

function Typing({ resource, people, me }) {
  const { typists } = useTyping(resource);
  const names = typists.filter(({ id }) => id !== me).map(({ id, name }) => name ?? people.nameOf(id));
  return (
    <p className="talk-typing" data-typing={names.length > 0}>
      {names.length > 0 && (
        <>
          <Dots />
          {typingSentence(names)}
        </>
      )}
    </p>
  );
}

// The line above the unread is drawn where the reader stopped, and stays there while the thread is open.
function useUnreadFrom(messages, me, { unread, isCounted }) {
  const [from, setFrom] = useState(null);
  const isKnown = useRef(false);
  useEffect(() => {
    if (isKnown.current || !me || !isCounted || messages.length === 0) return;
    isKnown.current = true;
    if (unread > 0) setFrom(firstUnread(messages, me, unread));
  }, [messages, me, unread, isCounted]);
  return [from, () => setFrom(null)];
}

export function Messages({ thread, me, can, people, projectId, target }) {
  const { messages, error, hasOlder, unread, isCounted, markRead } = thread;
  const reading = useReading(messages, me, thread.loadOlder);
  const [unreadFrom, forgetUnread] = useUnreadFrom(messages, me, thread);
  const chunks = useMemo(() => chunksOf(rowsOf(messages, unreadFrom)), [messages, unreadFrom]);
  const lastOwn = messages.findLast(({ author_id: author }) => author === me)?.id;
  const hit = target?.type === 'message' ? target.id : null;
  const seen = reading.isAtEnd && reading.isInSight && isCounted && unread > 0 ? messages.at(-1)?.id : null;
  useEffect(() => {
    if (seen && document.visibilityState === 'visible') Promise.resolve(markRead()).catch(() => {});
  }, [seen, unread, markRead]);
  useEffect(() => {
    if (!hit) return;
    const found = reading.box.current.querySelector(`[data-message="${CSS.escape(hit)}"]`);
    found?.scrollIntoView({ block: 'center' });
    found?.focus();
  }, [hit, target, reading.box]);
  const shared = { stateOf: thread.stateOf, actions: useMessageActions(thread), me, can, people, hit, lastOwn };
  return (
    <div role="group" className="talk-thread" aria-label="Messages">
      <div
        className="talk-scroll"
        ref={reading.box}
        role="log"
        aria-label="Project messages"
        aria-busy={reading.isLoading}
        tabIndex={0}
        onScroll={reading.onScroll}
      >
        <div className="talk-pieces">
          {hasOlder && (
            <p className="talk-older">
              <button type="button" className="button quiet small" disabled={reading.isLoading} onClick={reading.loadOlder}>
                {reading.isLoading ? 'Loading …' : 'Load older messages'}
              </button>
            </p>
          )}
          {chunks.map(({ key, rows }) => (
            <Piece key={key} rows={rows} {...shared} />
          ))}
        </div>
        {messages.length === 0 && thread.isLoaded && (
          <Empty icon="chat" title="No messages yet">
            Write to everyone in this project. Type @ to mention someone.
          </Empty>
        )}
      </div>
      {reading.fresh > 0 && (
        <button type="button" className="talk-fresh" onClick={reading.toEnd}>
          <Icon name="arrow_down" />
          {reading.fresh} new
        </button>
      )}
      <ErrorLine error={thread.isLoaded ? null : error} what="Messages could not be loaded." />
      <Typing resource={projectId && `project:${projectId}`} people={people} me={me} />
      <Composer thread={thread} can={can} people={people} me={me} resource={projectId && `project:${projectId}`} sent={() => (forgetUnread(), reading.toEnd())} />
    </div>
  );
}
