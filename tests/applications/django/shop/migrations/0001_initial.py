from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = (
        migrations.CreateModel(
            "Customer",
            [
                ("slug", models.TextField(primary_key=True, serialize=False)),
                ("webhooks_token", models.TextField(default="")),
            ],
            options={"db_table": "customers"},
        ),
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("customer", models.ForeignKey("shop.customer", models.CASCADE)),
                ("amount", models.DecimalField(max_digits=9, decimal_places=2)),
                ("paid", models.BooleanField(default=False)),
            ],
            options={"db_table": "orders"},
        ),
        migrations.CreateModel(
            "Received",
            [("id", models.TextField(primary_key=True, serialize=False)), ("body", models.JSONField())],
            options={"db_table": "received"},
        ),
    )
