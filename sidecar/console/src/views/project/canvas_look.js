// What the canvas looks like, after what React Flow needs: the order of these counts.
import '@xyflow/react/dist/base.css';
import './canvas.css';
import './node_card.css';
