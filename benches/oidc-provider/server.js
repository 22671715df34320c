// oidc-provider as an authorization server with opaque tokens and introspection, its records in Redis.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';
import Adapter from './adapter.js';

const { PORT, CLIENT_ID, CLIENT_SECRET } = process.env;
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

new Provider(`http://127.0.0.1:${PORT}`, {
  adapter: Adapter,
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: 'accounts:read',
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  cookies: { keys: ['measured'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: async () => true },
  },
  jwks: { keys: [{ ...key, alg: 'RS256', use: 'sig' }] },
  scopes: ['accounts:read'],
  ttl: { ClientCredentials: 3 * 3600 },
}).listen(Number(PORT), '127.0.0.1');
