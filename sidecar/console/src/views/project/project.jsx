// The project view: one blueprint that several people work on, its status, and the talk beside it.
import './project.css';

import { ReactFlowProvider } from '@xyflow/react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Editor } from './editor.jsx';
import { useChosenVersion, useDocuments } from './use_documents.js';

export default function Project({ person }) {
  const [chosen, choose] = useChosenVersion(person);
  const documents = useDocuments();
  const versionId = chosen ?? documents.versions?.[0]?.id ?? null;
  if (!versionId && documents.versions) {
    if (documents.error) return <ErrorLine error={documents.error} what="The blueprints could not be loaded." again={documents.refetch} />;
    return (
      <Empty icon="list" title="No automations yet">
        Automations that you have access to appear here.
      </Empty>
    );
  }
  if (!versionId) return <p className="waiting">Loading …</p>;
  return (
    <ReactFlowProvider key={versionId}>
      <Editor person={person} versionId={versionId} documents={documents} choose={choose} />
    </ReactFlowProvider>
  );
}
