# NATS as a user of its own: a fresh volume takes its owner from the folder of the image.
FROM nats:2.11-alpine
RUN install -d -o 10001 -g 10001 /data
USER 10001:10001
ENTRYPOINT ["nats-server"]
