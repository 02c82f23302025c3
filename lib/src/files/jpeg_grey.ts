/** Luminance quantisation of ITU-T T.81, table K.1, in rows. */
const QUANTISATION = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

/** The row-major place of the k-th coefficient in zigzag order. */
const ZIGZAG = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
];

/** Huffman tables K.3 (DC) and K.5 (AC): number of codes of each length 1 … 16, then the symbols. */
const DC_COUNTS = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_SYMBOLS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const AC_COUNTS = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d];
const AC_SYMBOLS = [
  ...Buffer.from(
    '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a' +
      '434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8' +
      'a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
    'hex',
  ),
];

interface Huffman {
  readonly code: Uint16Array;
  readonly length: Uint8Array;
}

/** The canonical codes of a table (T.81 annex C). */
function huffman(counts: readonly number[], symbols: readonly number[]): Huffman {
  const table = { code: new Uint16Array(256), length: new Uint8Array(256) };
  let code = 0;
  let next = 0;
  counts.forEach((count, i) => {
    for (let k = 0; k < count; k++) {
      const symbol = symbols[next++] as number;
      table.code[symbol] = code++;
      table.length[symbol] = i + 1;
    }
    code <<= 1;
  });
  return table;
}

const DC = huffman(DC_COUNTS, DC_SYMBOLS);
const AC = huffman(AC_COUNTS, AC_SYMBOLS);

/** Rows of the orthonormal 8-point DCT-II. */
const COSINES = Float32Array.from({ length: 64 }, (_, i) => {
  const [k, n] = [i >> 3, i & 7];
  return Math.sqrt((k === 0 ? 1 : 2) / 8) * Math.cos(((2 * n + 1) * k * Math.PI) / 16);
});

function quantisation(quality: number): Uint8Array {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  return Uint8Array.from(QUANTISATION, (q) => Math.min(255, Math.max(1, Math.floor((q * scale + 50) / 100))));
}

function segment(marker: number, bytes: readonly number[]): number[] {
  const length = bytes.length + 2;
  return [0xff, marker, length >> 8, length & 255, ...bytes];
}

/** Everything before the entropy-coded data; 4:2:0 as video decoders like it, one table for all components. */
function header(width: number, height: number, table: Uint8Array): number[] {
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  return [
    ...[0xff, 0xd8],
    ...segment(0xe0, [...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0]),
    ...segment(0xdb, [0, ...ZIGZAG.map((place) => table[place] as number)]),
    ...segment(0xc0, [8, ...size, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]),
    ...segment(0xc4, [0x00, ...DC_COUNTS, ...DC_SYMBOLS]),
    ...segment(0xc4, [0x10, ...AC_COUNTS, ...AC_SYMBOLS]),
    ...segment(0xda, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]),
  ];
}

/** Entropy-coded bits with byte stuffing. */
class BitWriter {
  private bytes: Buffer;
  private used = 0;
  private held = 0;
  private count = 0;

  constructor(start: readonly number[], capacity: number) {
    this.bytes = Buffer.alloc(start.length + capacity);
    this.bytes.set(start);
    this.used = start.length;
  }

  put(value: number, length: number): void {
    this.held = (this.held << length) | value;
    this.count += length;
    while (this.count >= 8) {
      this.count -= 8;
      const byte = (this.held >> this.count) & 255;
      this.bytes[this.used++] = byte;
      if (byte === 255) this.bytes[this.used++] = 0;
    }
    this.held &= (1 << this.count) - 1;
  }

  finish(): Buffer {
    if (this.count > 0) this.put((1 << (8 - this.count)) - 1, 8 - this.count);
    this.bytes[this.used++] = 0xff;
    this.bytes[this.used++] = 0xd9;
    return Buffer.from(this.bytes.subarray(0, this.used));
  }
}

function putValue(bits: BitWriter, table: Huffman, run: number, value: number): void {
  const size = 32 - Math.clz32(Math.abs(value));
  const symbol = (run << 4) | size;
  bits.put(table.code[symbol] as number, table.length[symbol] as number);
  if (size > 0) bits.put(value > 0 ? value : value + (1 << size) - 1, size);
}

/** Codes the quantised coefficients of a block (zigzag order); returns its DC, the next block's prediction. */
function putBlock(bits: BitWriter, block: Int16Array, prediction: number): number {
  const dc = block[0] as number;
  putValue(bits, DC, 0, dc - prediction);
  let run = 0;
  for (let k = 1; k < 64; k++) {
    const value = block[k] as number;
    if (value === 0) {
      run++;
      continue;
    }
    for (; run > 15; run -= 16) bits.put(AC.code[0xf0] as number, AC.length[0xf0] as number);
    putValue(bits, AC, run, value);
    run = 0;
  }
  if (run > 0) bits.put(AC.code[0] as number, AC.length[0] as number);
  return dc;
}

const samples = new Float32Array(64);
const halfway = new Float32Array(64);

/** The quantised DCT of `samples` in zigzag order. */
function transform(divisors: Float32Array, block: Int16Array): void {
  const c = COSINES;
  for (let row = 0; row < 64; row += 8) {
    for (let k = 0; k < 8; k++) {
      let sum = 0;
      for (let n = 0; n < 8; n++) sum += (samples[row + n] as number) * (c[8 * k + n] as number);
      halfway[row + k] = sum;
    }
  }
  for (let i = 0; i < 64; i++) {
    const place = ZIGZAG[i] as number;
    const [k, column] = [place >> 3, place & 7];
    let sum = 0;
    for (let n = 0; n < 8; n++) sum += (halfway[8 * n + column] as number) * (c[8 * k + n] as number);
    block[i] = Math.round(sum * (divisors[place] as number));
  }
}

/** Copies the 8×8 block at (left, top), its edge repeated beyond the picture; tells whether it is all of one grey. */
function sample(grey: Uint8Array, width: number, height: number, left: number, top: number): boolean {
  let flat = true;
  for (let i = 0; i < 64; i++) {
    const x = Math.min(width - 1, left + (i & 7));
    const y = Math.min(height - 1, top + (i >> 3));
    const value = (grey[y * width + x] as number) - 128;
    samples[i] = value;
    flat &&= value === samples[0];
  }
  return flat;
}

/**
 * A grey picture `[H·W]` as a baseline JPEG of three components (Y, and Cb = Cr = 128): what Motion-JPEG files hold.
 * ITU-T T.81 with the tables of its annex K; quality 1 … 100 as in libjpeg.
 */
export function encodeGreyJpeg(grey: Uint8Array, width: number, height: number, quality: number): Uint8Array {
  const table = quantisation(quality);
  const divisors = Float32Array.from(table, (q) => 1 / q);
  const bits = new BitWriter(header(width, height, table), 4 * (width + 16) * (height + 16));
  const block = new Int16Array(64);
  const flat = new Int16Array(64);
  let prediction = 0;
  for (let top = 0; top < height; top += 16) {
    for (let left = 0; left < width; left += 16) {
      for (let quarter = 0; quarter < 4; quarter++) {
        const even = sample(grey, width, height, left + 8 * (quarter & 1), top + 8 * (quarter >> 1));
        if (even) block.fill(0).fill(Math.round(8 * (samples[0] as number) * (divisors[0] as number)), 0, 1);
        else transform(divisors, block);
        prediction = putBlock(bits, block, prediction);
      }
      putBlock(bits, flat, 0);
      putBlock(bits, flat, 0);
    }
  }
  return bits.finish();
}
