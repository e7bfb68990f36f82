// What one should know. A notification that is opened is read, and leads to what it is about if that is on this screen.
import { useRef, useState } from 'react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { Time } from '../../parts/time.jsx';
import { iconOf, leadOf, placeOf } from './leads.js';

const leadWords = { message: 'Show the message', comment: 'Show the comment', task: 'Show the task', project: 'Show the thread' };

function Item({ item, projectId, versionId, read, lead }) {
  const { id, kind, title, payload, read_at: readAt } = item;
  const target = leadOf(item, projectId, versionId);
  const place = placeOf(item);
  const open = () => {
    if (!readAt) read(id);
    lead(target);
  };
  return (
    <li className="talk-news-item" data-notification={id} data-read={Boolean(readAt)} data-kind={kind}>
      <span className="talk-news-icon">
        <Icon name={iconOf(kind)} />
      </span>
      <div className="talk-news-main">
        <p>
          {!readAt && <span className="unseen">Unread: </span>}
          <strong>{title}</strong>
        </p>
        {payload?.excerpt && <p className="talk-excerpt">{payload.excerpt}</p>}
        <p className="talk-news-foot">
          <Time at={item.created_at} className="talk-soft" />
          {target ? (
            <button type="button" className="text-button talk-link" onClick={open}>
              {leadWords[target.type]}
            </button>
          ) : (
            place && <span className="talk-soft">in {place}</span>
          )}
        </p>
      </div>
      {!readAt && <IconButton icon="check" label={`Mark as read: ${title}`} onClick={() => read(id)} />}
    </li>
  );
}

export function Notifications({ news, projectId, versionId, lead }) {
  const { items, unread, markRead, loadMore, error } = news;
  const [refusal, setRefusal] = useState(null);
  const list = useRef(null);
  const read = (what) => {
    // the button that was pressed goes away
    list.current?.focus();
    setRefusal(null);
    Promise.resolve(markRead(what)).catch(setRefusal);
  };
  return (
    <div role="group" className="talk-news" aria-label="Notifications">
      <header className="talk-news-top">
        <p>{unread > 0 ? `${unread} unread` : 'All read'}</p>
        <button type="button" className="button quiet small" disabled={unread === 0} onClick={() => read('all')}>
          Mark all read
        </button>
      </header>
      <ErrorLine error={refusal ?? (news.isLoaded ? null : error)} />
      <ul className="talk-news-list" ref={list} tabIndex={-1} aria-label="Notifications, newest first">
        {items.map((item) => (
          <Item key={item.id} item={item} projectId={projectId} versionId={versionId} read={read} lead={lead} />
        ))}
      </ul>
      {items.length === 0 && news.isLoaded && (
        <Empty icon="bell" title="Nothing new">
          Mentions, tasks given to you and news of your automations come here.
        </Empty>
      )}
      {news.hasMore && (
        <button type="button" className="button quiet small talk-more" onClick={() => Promise.resolve(loadMore()).catch(setRefusal)}>
          Load older ones
        </button>
      )}
    </div>
  );
}
