// Reads a JSON array of PromQL expressions, prints those that Prometheus' own grammar for editors cannot parse.
const { parser } = require('@prometheus-io/lezer-promql');

let text = '';
process.stdin.on('data', (piece) => (text += piece));
process.stdin.on('end', () => {
  const wrong = JSON.parse(text).filter((expr) => {
    let bad = expr.trim() === '';
    parser.parse(expr).iterate({ enter: (node) => { bad = bad || node.type.isError; } });
    return bad;
  });
  console.log(JSON.stringify(wrong));
});
