// @grafana/ui's ES module imports the default of this CommonJS package in a way that only its own bundler understands.
import { Scrollbars } from '../../build/tools/preview/node_modules/react-custom-scrollbars-2/lib/index.js';

export default Scrollbars;
