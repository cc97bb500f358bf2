"""CeleryExecutor: tasks on Celery workers, with Redis or RabbitMQ between."""
