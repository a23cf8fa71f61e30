// The shop in Node: the README's modules, and what tests need besides. Says its port.
import express from "express";

import { hooks } from "./hooks.mjs";
import { pay, pool } from "./orders.mjs";
import { webhooks } from "./webhooks.mjs";

const customers = JSON.parse(process.env.CUSTOMERS);
const shop = express();

const order = async (id) => (await pool.query("SELECT *, customer_id AS customer FROM orders WHERE id = $1", [id])).rows[0];

shop.use(hooks);
shop.post("/orders/:id/pay", async (request, response) => {
  await pay(await order(request.params.id));
  response.send("paid");
});
shop.post("/orders/:id/fail", async (request, response) => {
  // Its last statement is refused: a customer whose name no tenant can have.
  await pay({ ...(await order(request.params.id)), customer: "x".repeat(300) });
  response.send("paid");
});
shop.use("/webhooks", (request, response, next) => {
  request.customer = { webhooksToken: customers[request.headers["x-customer"]] };
  next();
});
shop.use("/webhooks", webhooks);
shop.use((error, request, response, next) => response.status(500).json({ detail: error.message }));

const server = shop.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
