// The npm package `openai` against the address in argv[2]: prints what each call gave.
const { createRequire } = require('node:module');
const load = createRequire(process.env.TEGRASCOPE_NODE_MODULES + '/');
const { OpenAI } = load('openai');

const client = new OpenAI({ baseURL: process.argv[2] + '/v1', apiKey: 'ollama', maxRetries: 0 });
const show = (name, value) => console.log(name, JSON.stringify(value));
const outcome = async (name, call) => {
  try {
    show(name, await call());
  } catch (error) {
    show(name, { failed: error.constructor.name, status: error.status, message: error.message });
  }
};

(async () => {
  const messages = [{ role: 'user', content: 'count' }];
  await outcome('models', async () => (await client.models.list()).data);
  await outcome('chat', () => client.chat.completions.create({ model: 'm', messages }));
  await outcome('chat stream', async () => {
    let text = '';
    const stream = await client.chat.completions.create({ model: 'm', messages, stream: true });
    for await (const part of stream) text += part.choices[0]?.delta?.content ?? '';
    return text;
  });
  await outcome('embeddings', async () => (await client.embeddings.create({ model: 'm', input: 'x', encoding_format: 'float' })).data);
  await outcome('missing', () => client.chat.completions.create({ model: 'missing', messages }));
  await outcome('abort', async () => {
    let count = 0;
    const stream = await client.chat.completions.create({ model: 'endless', messages, stream: true });
    for await (const part of stream) {
      void part;
      if (++count === 3) stream.controller.abort();
    }
    return 'ended';
  });
})();
