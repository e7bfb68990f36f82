// What is to be done. A change is shown at once; what the database refuses goes back to what it was, and its reason
// stands where the change was tried. Only what this person may do is offered.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { Task } from './task.jsx';
import { groupTasks } from './task_groups.js';
import { useFocusKept } from './use_focus_kept.js';

const REFUSALS_MAX = 50;
const NOTHING = [];
const STEP = 100; // tasks of a group that are drawn at first, and more each time

// What was refused, by task; '' is what was to be added.
function useRefusals() {
  const [refusals, setRefusals] = useState(() => new Map());
  const put = useCallback(
    (id, error) =>
      setRefusals((before) => {
        if (!error && !before.has(id)) return before;
        const after = new Map(before);
        after.delete(id);
        if (error) after.set(id, error);
        if (after.size > REFUSALS_MAX) after.delete(after.keys().next().value);
        return after;
      }),
    [],
  );
  const attempt = useCallback(
    async (id, run) => {
      put(id, null);
      try {
        await run();
      } catch (error) {
        put(id, error);
      }
    },
    [put],
  );
  return { of: (id) => refusals.get(id), attempt, forget: useCallback((id) => put(id, null), [put]) };
}

function AddTask({ create, refusal, forget }) {
  const [title, setTitle] = useState('');
  const submit = (event) => {
    event.preventDefault();
    if (!title.trim()) return;
    create(title.trim());
    setTitle('');
  };
  return (
    <form className="talk-add" onSubmit={submit}>
      <span className="talk-add-field">
        <Icon name="add" />
        <input
          aria-label="New task"
          placeholder="Add a task …"
          maxLength={200}
          value={title}
          onChange={({ target }) => setTitle(target.value)}
        />
        {title.trim() && (
          <button type="submit" className="button small">
            Add
          </button>
        )}
      </span>
      <ErrorLine error={refusal} what="The task was not added." dismiss={forget} />
    </form>
  );
}

// Who removes or hides the line they are in stays in the list: at the next one.
function keepFocus(element) {
  const line = element.closest('[data-task]');
  const next = line?.nextElementSibling ?? line?.previousElementSibling;
  const stays = next?.querySelector('input') ?? element.closest('.talk-tasks')?.querySelector('.talk-add input');
  stays?.focus();
}

export function Tasks({ list, people, me, can = NOTHING, target }) {
  const { tasks, create, error } = list;
  const { open, done } = useMemo(() => groupTasks(tasks), [tasks]);
  const [showsDone, setShowsDone] = useState(true);
  const [most, setMost] = useState(STEP); // of each group
  const left = Math.max(open.length - most, 0) + (showsDone ? Math.max(done.length - most, 0) : 0);
  const refusals = useRefusals();
  const box = useRef(null);
  useEffect(() => {
    if (target?.type !== 'task') return;
    const found = box.current.querySelector(`[data-task="${CSS.escape(target.id)}"]`);
    found?.scrollIntoView({ block: 'center' });
    found?.querySelector('input')?.focus();
  }, [target]);
  const { update, toggle, remove, isPending } = list;
  const actions = useMemo(() => ({ update, toggle, remove, leave: keepFocus }), [update, toggle, remove]);
  useFocusKept(box);
  const line = (task) => (
    <Task
      key={task.key ?? task.id}
      task={task}
      isPending={isPending(task.id)}
      canChange={can.includes('update_task') || (Boolean(me) && task.assignee_id === me)}
      actions={actions}
      people={people}
      attempt={refusals.attempt}
      refusal={refusals.of(task.id)}
      forget={refusals.forget}
    />
  );
  return (
    <div role="group" className="talk-tasks" aria-label="Tasks" ref={box}>
      {can.includes('create_task') && (
        <AddTask
          create={(title) => refusals.attempt('', () => create({ title }))}
          refusal={refusals.of('')}
          forget={() => refusals.forget('')}
        />
      )}
      <ErrorLine error={list.isLoaded ? null : error} what="Tasks could not be loaded." />
      <ul className="talk-task-list" aria-label={`To do, ${open.length}`}>
        {open.slice(0, most).map(line)}
      </ul>
      {list.isLoaded && open.length === 0 && done.length === 0 && (
        <Empty icon="task" title="No tasks">
          Tasks of this project and its build appear here.
        </Empty>
      )}
      {done.length > 0 && (
        <button type="button" className="text-button talk-done-switch" aria-expanded={showsDone} onClick={() => setShowsDone(!showsDone)}>
          <Icon name={showsDone ? 'chevron_down' : 'chevron_right'} />
          Done <span className="badge">{done.length}</span>
        </button>
      )}
      {showsDone && done.length > 0 && (
        <ul className="talk-task-list" aria-label={`Done, ${done.length}`}>
          {done.slice(0, most).map(line)}
        </ul>
      )}
      {left > 0 && (
        <button type="button" className="button quiet small talk-more" onClick={() => setMost(most + STEP)}>
          Show more ({left})
        </button>
      )}
    </div>
  );
}
