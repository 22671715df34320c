// Storage for oidc-provider in Redis, as its documentation describes an adapter: one JSON text per thing.
import { Redis } from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);

export default class Adapter {
  #prefix;

  constructor(kind) {
    this.#prefix = kind;
  }

  #name(id) {
    return `${this.#prefix}:${id}`;
  }

  async upsert(id, thing, life) {
    const words = life ? ['EX', life] : [];
    await redis.set(this.#name(id), JSON.stringify(thing), ...words);
    if (thing.uid) await redis.set(`uid:${thing.uid}`, id, ...words);
    if (thing.userCode) await redis.set(`code:${thing.userCode}`, id, ...words);
    if (thing.grantId) await redis.rpush(`grant:${thing.grantId}`, this.#name(id));
  }

  async find(id) {
    const text = id && (await redis.get(this.#name(id)));
    return text ? JSON.parse(text) : undefined;
  }

  async findByUid(uid) {
    return this.find(await redis.get(`uid:${uid}`));
  }

  async findByUserCode(code) {
    return this.find(await redis.get(`code:${code}`));
  }

  async consume(id) {
    const thing = await this.find(id);
    if (thing) await redis.set(this.#name(id), JSON.stringify({ ...thing, consumed: Math.floor(Date.now() / 1000) }), 'KEEPTTL');
  }

  async destroy(id) {
    await redis.del(this.#name(id));
  }

  async revokeByGrantId(id) {
    await redis.del(`grant:${id}`, ...(await redis.lrange(`grant:${id}`, 0, -1)));
  }
}
