import { randomUUID } from 'node:crypto';
import { kernelPort } from './kernel.js';

/** One content in several formats by MIME type; the front end shows the richest it knows, so `text/plain` belongs in each. */
export interface MimeBundle {
  readonly [mimeType: string]: unknown;
}

function send(type: 'display_data' | 'update_display_data', data: MimeBundle, metadata: object, id?: string): void {
  kernelPort()?.publish(type, { data, metadata, transient: id === undefined ? {} : { display_id: id } });
}

/** Shows a MIME bundle in the output of the running cell; nothing happens outside a kernel. */
export function displayBundle(data: MimeBundle, metadata: object = {}): void {
  send('display_data', data, metadata);
}

/** Shows HTML; text from data must have been escaped (host/escape). `text` is for viewers without HTML. */
export function showHtml(html: string, text = '[HTML]'): void {
  displayBundle({ 'text/html': html, 'text/plain': text });
}

/** Shows Markdown; text from data must have been escaped. */
export function showMarkdown(markdown: string): void {
  displayBundle({ 'text/markdown': markdown, 'text/plain': markdown });
}

/** An output that is replaced in place; it stands in the cell that called {@link set} first. */
export class LiveOutput {
  private readonly id = randomUUID();
  private shown = false;

  /** `metadata.progress` is the line that a terminal without rich output (kernels/execute.py) shows instead. */
  set(data: MimeBundle, metadata: object = {}): void {
    send(this.shown ? 'update_display_data' : 'display_data', data, metadata, this.id);
    this.shown = true;
  }
}
