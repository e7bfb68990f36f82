// The views of a pane, in the order of their tabs. Each is a component that gets { person } and finds all else
// by the client's hooks.
import { lazy } from 'react';

export const views = [
  { key: 'project', title: 'Project', component: lazy(() => import('./views/project/project.jsx')) },
  { key: 'history', title: 'History', component: lazy(() => import('./views/history/history.jsx')) },
  { key: 'inspector', title: 'Inspector', component: lazy(() => import('./views/inspector/inspector.jsx')) },
  { key: 'isolation', title: 'Isolation', component: lazy(() => import('./views/isolation/isolation.jsx')) },
];
