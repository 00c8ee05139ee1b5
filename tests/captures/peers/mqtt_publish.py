"""Publishes one message in clear on any port; mosquitto_pub insists on TLS on port 8883."""

import sys

import paho.mqtt.client as mqtt

host, port, source, client_id, topic, payload = sys.argv[1:]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
client.connect(host, int(port), bind_address=source)
client.loop_start()
client.publish(topic, payload, qos=1).wait_for_publish(5)
client.disconnect()
client.loop_stop()
