import { randomUUID } from 'node:crypto';
import { kernelComms, type Comm, type Comms } from './comm.js';
import { displayBundle } from './display.js';
import type { Json, JsonObject } from './kernel_port.js';

/** Version of the Jupyter widgets protocol that is spoken here (ipywidgets 8). */
const protocolVersion = '2.1.0';
const viewMimeType = 'application/vnd.jupyter.widget-view+json';

/** All widgets by model id, for front ends that (re)connect. */
const widgets = new Map<string, Widget>();
const controlled = new WeakSet<Comms>();

/** Answers `request_states`: after a page reload the front end asks for every model at once. */
function answerControl(comms: Comms): void {
  if (controlled.has(comms)) return;
  controlled.add(comms);
  comms.accept('jupyter.widget.control', (comm) => {
    comm.onMessage = (data) => {
      if (data['method'] !== 'request_states') return;
      const states = Object.fromEntries([...widgets].map(([id, widget]) => [id, widget.modelState()]));
      comm.send({ method: 'update_states', states, buffer_paths: [] });
    };
  });
}

/** What an observer throws is shown in the notebook and does not stop the others. */
function notify<T>(observers: ReadonlySet<(value: T) => void>, value: T): void {
  for (const observer of observers) {
    try {
      observer(value);
    } catch (error) {
      console.error(error);
    }
  }
}

/**
 * The kernel's side of a Jupyter widget: a state that it shares with the front end's model over a comm. Nothing here waits
 * for a front end: where none answers (nbclient, a program) the state stays as it is.
 */
export class Widget {
  readonly id: string = randomUUID();
  private state: JsonObject;
  private readonly comm: Comm | undefined;
  private readonly changeObservers = new Set<(changes: JsonObject) => void>();
  private readonly customObservers = new Set<(content: JsonObject) => void>();

  constructor(state: JsonObject) {
    this.state = state;
    const comms = kernelComms();
    if (comms === undefined) return;
    answerControl(comms);
    this.comm = comms.open('jupyter.widget', { state, buffer_paths: [] }, { version: protocolVersion }, this.id);
    this.comm.onMessage = (data) => this.receive(data);
    widgets.set(this.id, this);
  }

  /** How another widget's state refers to this one. */
  get reference(): string {
    return `IPY_MODEL_${this.id}`;
  }

  get(name: string): Json {
    return this.state[name] ?? null;
  }

  /** Changes state from this side; observers hear only of the front end's changes. */
  set(changes: JsonObject): void {
    this.state = { ...this.state, ...changes };
    this.comm?.send({ method: 'update', state: changes, buffer_paths: [] });
  }

  /** Calls back with the names and values that the front end changed; returns a function that ends it. */
  onChange(observer: (changes: JsonObject) => void): () => void {
    this.changeObservers.add(observer);
    return () => void this.changeObservers.delete(observer);
  }

  /** Calls back with the front end's custom messages (a button's click); returns a function that ends it. */
  onCustom(observer: (content: JsonObject) => void): () => void {
    this.customObservers.add(observer);
    return () => void this.customObservers.delete(observer);
  }

  /** Shows the widget in the output of the running cell; `text` is for viewers without widgets. */
  display(text = String(this.get('_model_name')).replace(/Model$/, '')): void {
    displayBundle({
      'text/plain': text,
      [viewMimeType]: { version_major: 2, version_minor: 0, model_id: this.id },
    });
  }

  close(): void {
    widgets.delete(this.id);
    this.comm?.close();
  }

  /** State and model name as `update_states` lists them. */
  modelState(): JsonObject {
    return {
      model_name: this.get('_model_name'),
      model_module: this.get('_model_module'),
      model_module_version: this.get('_model_module_version'),
      state: this.state,
    };
  }

  private receive(data: JsonObject): void {
    if (data['method'] === 'update') this.changed(data['state'] as JsonObject);
    else if (data['method'] === 'request_state')
      this.comm?.send({ method: 'update', state: this.state, buffer_paths: [] });
    else if (data['method'] === 'custom') notify(this.customObservers, (data['content'] ?? {}) as JsonObject);
  }

  /** The echo keeps several front ends of one kernel in step. */
  private changed(changes: JsonObject): void {
    this.state = { ...this.state, ...changes };
    this.comm?.send({ method: 'echo_update', state: changes, buffer_paths: [] });
    notify(this.changeObservers, changes);
  }
}

/** How a value stands in a widget's state: under `key`, as `encode` writes it. */
export interface ValueCodec<T> {
  readonly key: string;
  readonly decode: (json: Json) => T;
  readonly encode: (value: T) => Json;
}

/** A widget with a value. */
export class ValueWidget<T> extends Widget {
  constructor(
    state: JsonObject,
    private readonly codec: ValueCodec<T>,
  ) {
    super(state);
  }

  get value(): T {
    return this.codec.decode(this.get(this.codec.key));
  }

  set value(value: T) {
    this.set({ [this.codec.key]: this.codec.encode(value) });
  }

  /** Calls back with each value that the person chooses; returns a function that ends it. */
  observe(observer: (value: T) => void): () => void {
    return this.onChange((changes) => {
      if (this.codec.key in changes) observer(this.value);
    });
  }
}
