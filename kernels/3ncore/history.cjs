'use strict';
// The inputs of this session, for history_request (a console's arrow keys, search).

/** A pattern of the protocol (* any text, ? any character) as a regular expression. */
function globToRegExp(glob) {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*/g, '[^]*').replace(/\?/g, '[^]')}$`);
}

const accessors = {
  tail: (entries, { n }) => entries.slice(-n),
  range: (entries, { start = 0, stop = Infinity }) => entries.filter(({ count }) => count >= start && count < stop),
  search: (entries, { pattern = '*', unique = false, n }) => {
    const matches = entries.filter(({ code }) => globToRegExp(pattern).test(code));
    const chosen = unique ? [...new Map(matches.map((entry) => [entry.code, entry])).values()] : matches;
    return n === undefined || n === null ? chosen : chosen.slice(-n);
  },
};

class History {
  entries = [];

  add(count, code) {
    this.entries.push({ count, code });
  }

  /** `[session, count, code]` or, with `output`, `[session, count, [code, null]]`: outputs are not kept. */
  select(request) {
    const access = accessors[request.hist_access_type] ?? accessors.tail;
    return access(this.entries, request).map(({ count, code }) => [0, count, request.output ? [code, null] : code]);
  }
}

module.exports = { History };
