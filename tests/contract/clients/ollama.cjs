// The npm package `ollama` against the address in argv[2]: prints what each call gave.
const { createRequire } = require('node:module');
const load = createRequire(process.env.TEGRASCOPE_NODE_MODULES + '/');
const { Ollama } = load('ollama');

const client = new Ollama({ host: process.argv[2] });
const show = (name, value) => console.log(name, JSON.stringify(value));
const outcome = async (name, call) => {
  try {
    show(name, await call());
  } catch (error) {
    show(name, { failed: error.name, status: error.status_code, message: error.message });
  }
};

(async () => {
  const messages = [{ role: 'user', content: 'count' }];
  await outcome('list', () => client.list());
  await outcome('ps', () => client.ps());
  await outcome('chat', () => client.chat({ model: 'm', messages, stream: false }));
  await outcome('chat stream', async () => {
    let text = '';
    for await (const part of await client.chat({ model: 'm', messages, stream: true })) text += part.message.content;
    return text;
  });
  await outcome('generate stream', async () => {
    const parts = [];
    for await (const part of await client.generate({ model: 'm', prompt: 'p', stream: true })) parts.push(part);
    return parts.length;
  });
  await outcome('embed', () => client.embed({ model: 'm', input: 'x'.repeat(100000) }));
  await outcome('missing', () => client.chat({ model: 'missing', messages, stream: false }));
  await outcome('cut', async () => {
    for await (const part of await client.chat({ model: 'cut', messages, stream: true })) void part;
    return 'ended';
  });
  await outcome('abort', async () => {
    let count = 0;
    for await (const part of await client.chat({ model: 'endless', messages, stream: true })) {
      void part;
      if (++count === 3) client.abort();
    }
    return 'ended';
  });
})();
