from django.db import models


class Customer(models.Model):
    is_authenticated = True

    slug = models.TextField(primary_key=True)
    webhooks_token = models.TextField(default="")

    class Meta:
        db_table = "customers"

    def __str__(self):
        return self.slug


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE)
    amount = models.DecimalField(max_digits=9, decimal_places=2)
    paid = models.BooleanField(default=False)

    class Meta:
        db_table = "orders"

    def __str__(self):
        return f"order {self.pk}"


class Received(models.Model):
    """As the README's SQL has it."""

    id = models.TextField(primary_key=True)
    body = models.JSONField()

    class Meta:
        db_table = "received"

    def __str__(self):
        return self.id
