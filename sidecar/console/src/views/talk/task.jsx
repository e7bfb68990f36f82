// One task: done or not, its title, whose it is, until when. Who may not change it sees the same without controls.
import { memo, useRef, useState } from 'react';

import { Avatar } from '../../parts/avatar.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { dueWords, isDone } from './task_groups.js';

function Title({ task, canChange, rename }) {
  const [isEdited, setEdited] = useState(false);
  const button = useRef(null);
  const end = (title) => {
    setEdited(false);
    const wanted = title?.trim();
    if (wanted && wanted !== task.title) rename(wanted);
    // back to where the person was, unless they went elsewhere
    setTimeout(() => document.activeElement === document.body && button.current?.focus());
  };
  const keys = (event) => {
    if (event.key === 'Enter') end(event.currentTarget.value);
    if (event.key === 'Escape') end(null);
  };
  if (!canChange) return <span className="talk-task-title">{task.title}</span>;
  if (!isEdited)
    return (
      <button ref={button} type="button" className="talk-task-title" data-focus="title" data-tip="Rename" onClick={() => setEdited(true)}>
        {task.title}
      </button>
    );
  return (
    <input
      className="talk-task-rename"
      aria-label="Title"
      defaultValue={task.title}
      maxLength={200}
      autoFocus
      onFocus={({ target }) => target.select()}
      onKeyDown={keys}
      onBlur={({ target }) => end(target.value)}
    />
  );
}

function Assignee({ task, people, canChange, assign }) {
  const name = task.assignee_id && people.nameOf(task.assignee_id, task.assignee_name);
  if (!canChange)
    return (
      <span className="talk-assignee" data-tip={name ? `Assigned to ${name}` : 'Unassigned'}>
        {name ? <Avatar id={task.assignee_id} name={name} size="s" /> : <span className="talk-nobody"><Icon name="user" /></span>}
        <span className="unseen">{name ? `Assigned to ${name}` : 'Unassigned'}</span>
      </span>
    );
  return (
    <label className="talk-assignee" data-tip={name ? `Assigned to ${name}` : 'Unassigned'}>
      {name ? <Avatar id={task.assignee_id} name={name} size="s" /> : <span className="talk-nobody"><Icon name="user" /></span>}
      <select data-focus="assignee" aria-label={`Assignee of ${task.title}`} value={task.assignee_id ?? ''} onChange={({ target }) => assign(target.value || null)}>
        <option value="">Unassigned</option>
        {task.assignee_id && !people.list.some(({ id }) => id === task.assignee_id) && <option value={task.assignee_id}>{name}</option>}
        {people.list.map(({ id, name: each }) => (
          <option key={id} value={id}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Facts({ task }) {
  const due = dueWords(task);
  const priority = task.priority !== 'normal' && task.priority;
  if (!due && !priority && task.status !== 'in_progress') return null;
  return (
    <span className="talk-facts">
      {task.status === 'in_progress' && <span className="talk-fact">in progress</span>}
      {priority && (
        <span className="talk-fact" data-priority={priority}>
          {priority}
        </span>
      )}
      {due && (
        <span className="talk-fact" data-due={due === 'overdue' ? 'over' : undefined}>
          <Icon name="clock" />
          {due}
        </span>
      )}
    </span>
  );
}

export const Task = memo(function Task({ task, isPending, canChange, actions, people, attempt, refusal, forget }) {
  const { id, title } = task;
  const { update, toggle, remove, leave } = actions;
  const change = (what) => attempt(id, () => update(id, what));
  return (
    <li className="talk-task" data-task={id} data-status={task.status} data-pending={isPending || undefined} aria-busy={isPending || undefined}>
      <div className="talk-task-line">
        <input type="checkbox" className="talk-check" aria-label={title} checked={isDone(task)} disabled={!canChange} onChange={() => attempt(id, () => toggle(id))} data-focus="check" />
        <div className="talk-task-main">
          <Title task={task} canChange={canChange} rename={(wanted) => change({ title: wanted })} />
          <Facts task={task} />
        </div>
        <Assignee task={task} people={people} canChange={canChange} assign={(person) => change({ assignee_id: person })} />
        {!canChange && <span className="talk-task-gap" />}
        {canChange && (
          <IconButton
            icon="trash"
            label={`Remove ${title}`}
            onClick={({ currentTarget }) => {
              leave(currentTarget);
              attempt(id, () => remove(id));
            }}
          />
        )}
      </div>
      <ErrorLine error={refusal} what="The task was not changed." dismiss={() => forget(id)} />
    </li>
  );
});
