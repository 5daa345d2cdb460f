# The stores as Debian has them, with the users and folders of the official images.

FROM doorbuster-debian-base AS mysql
RUN useradd --system --user-group --no-create-home mysql \
    && install -d -o mysql -g mysql /var/lib/mysql /var/lib/mysql-files
COPY debian/mysql.sh /usr/local/bin/
USER mysql
ENTRYPOINT ["mysql.sh"]

FROM doorbuster-debian-base AS redis
RUN install -d -o redis -g redis /data
USER redis
WORKDIR /data

FROM doorbuster-debian-base AS nats
RUN install -d -o 10001 -g 10001 /data
COPY healthcheck.sh /usr/local/bin/healthcheck
USER 10001:10001
ENTRYPOINT ["nats-server"]
