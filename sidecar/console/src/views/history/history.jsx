// The history view: the versions of a document, and the audit log with the light that says whether it is whole.
import '../project/project.css';
import './history.css';

import { useState } from 'react';

import { useProjectRealtime } from '@wrk-copilot/realtime/react';

import { Icon } from '../../parts/icon.jsx';
import { DocumentChooser } from '../project/document_chooser.jsx';
import { useChosenVersion, useDocuments } from '../project/use_documents.js';
import { Audit } from './audit.jsx';
import { Travel } from './travel.jsx';

const parts = [
  ['versions', 'history', 'Versions'],
  ['audit', 'shield', 'Audit log'],
];

export default function History({ person }) {
  const [part, setPart] = useState('versions');
  const [chosen, choose] = useChosenVersion(person);
  const documents = useDocuments();
  const { project } = useProjectRealtime(person.projectId);
  // where it is not known, asking for the log tells
  const offered = parts.filter(([key]) => key !== 'audit' || !project || project.can.includes('read_audit_log'));
  const versionId = chosen ?? documents.versions?.[0]?.id ?? null;
  return (
    <div className="history">
      <div className="history-top">
        <div className="segments" role="group" aria-label="History">
          {offered.map(([key, icon, title]) => (
            <button key={key} type="button" className="segment" aria-pressed={part === key} onClick={() => setPart(key)}>
              <Icon name={icon} />
              {title}
            </button>
          ))}
        </div>
        {part === 'versions' && <DocumentChooser versions={documents.versions} chosen={versionId} choose={choose} />}
      </div>
      {part === 'audit' ? <Audit /> : versionId ? <Travel key={versionId} versionId={versionId} /> : <p className="waiting">No blueprint to show.</p>}
    </div>
  );
}
