// Fastify's http-proxy, as its page shows it: it passes on and does nothing else.
import proxy from "@fastify/http-proxy";
import Fastify from "fastify";

const [port, upstream] = process.argv.slice(2);
const server = Fastify();
server.register(proxy, { upstream, prefix: "/wallet", rewritePrefix: "/wallet" });
await server.listen({ host: "127.0.0.1", port: Number(port) });
