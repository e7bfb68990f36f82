// What one should know. A notification that is opened is read, and leads to what it is about, if that can be opened here.
import { useRef, useState } from 'react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { Time } from '../../parts/time.jsx';
import { iconOf, leadOf, placeOf, titleOf } from './leads.js';

const leadWords = { message: 'Go to message', comment: 'Go to comment', task: 'Go to task', project: 'Go to messages', version: 'Open' };

function Item({ item, projectId, versionId, versions, read, lead }) {
  const { id, kind, payload, read_at: readAt } = item;
  const title = titleOf(item);
  const target = leadOf(item, projectId, versionId, versions);
  const place = placeOf(item, versions);
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
          {target && (
            <button type="button" className="text-button talk-link" onClick={open}>
              {target.version && place ? `${leadWords[target.type]}${target.type === 'version' ? '' : ' in'} ${place}` : leadWords[target.type]}
            </button>
          )}
          {!target && place && <span className="talk-soft">{place}</span>}
        </p>
      </div>
      {!readAt && <IconButton icon="check" label={`Mark as read: ${title}`} onClick={() => read(id)} />}
    </li>
  );
}

export function Notifications({ news, projectId, versionId, versions, lead }) {
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
        <p>{unread > 0 ? `${unread} unread` : 'No unread notifications'}</p>
        <button type="button" className="button quiet small" disabled={unread === 0} onClick={() => read('all')}>
          Mark all as read
        </button>
      </header>
      <ErrorLine error={refusal ?? (news.isLoaded ? null : error)} />
      <ul className="talk-news-list" ref={list} tabIndex={-1} aria-label="Notifications, newest first">
        {items.map((item) => (
          <Item key={item.id} item={item} projectId={projectId} versionId={versionId} versions={versions} read={read} lead={lead} />
        ))}
      </ul>
      {items.length === 0 && news.isLoaded && (
        <Empty icon="bell" title="No notifications">
          Mentions, tasks assigned to you and updates on your automations appear here.
        </Empty>
      )}
      {news.hasMore && (
        <button type="button" className="button quiet small talk-more" onClick={() => Promise.resolve(loadMore()).catch(setRefusal)}>
          Load older notifications
        </button>
      )}
    </div>
  );
}
