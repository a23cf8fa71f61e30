// The shop in Node: the README's modules, and what tests need besides. Says its port.
import express from "express";

import { hooks } from "./hooks.mjs";
import { pay, pool } from "./orders.mjs";
import { webhooks } from "./webhooks.mjs";

const customers = JSON.parse(process.env.CUSTOMERS);
const shop = express();

shop.use(hooks);
shop.post("/orders/:id/pay", async (request, response) => {
  const found = await pool.query("SELECT *, customer_id AS customer FROM orders WHERE id = $1", [request.params.id]);
  await pay(found.rows[0]);
  response.send("paid");
});
shop.use("/webhooks", (request, response, next) => {
  request.customer = { webhooksToken: customers[request.headers["x-customer"]] };
  next();
});
shop.use("/webhooks", webhooks);
shop.use((error, request, response, next) => response.status(500).json({ detail: error.message }));

const server = shop.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
