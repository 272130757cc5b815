"""Health with its reasons, a rule, and what Prometheus scrapes."""

import terrace

cache = terrace.Cache[int]("example-monitored", ttl=60)
monitor = terrace.Monitor([cache], min_requests=10)
monitor.add_rule("cold", "hit_rate < 50% && requests > 10", message="hardly anything is found")
for number in range(20):
    cache.get(number)
print(monitor.health()["issues"])
monitor.sample()
assert [alert["rule"] for alert in monitor.alerts()] == ["cold"]
print(terrace.metrics([cache]).splitlines()[0])
monitor.close()
