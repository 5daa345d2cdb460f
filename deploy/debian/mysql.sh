#!/bin/bash
# Starts MySQL or MariaDB, whichever the image has, from the variables of the official MySQL image.
# Arguments go to the server.
set -eu

folder=/var/lib/mysql
if command -v mariadbd > /dev/null; then
    server=mariadbd
    install=(mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db)
else
    server=mysqld
    install=(mysqld --no-defaults --initialize-insecure)
fi

# A half-made folder must not look like a database after an interruption.
if [ ! -d "$folder/data" ]; then
    rm -rf "$folder/data.new"
    mkdir "$folder/data.new"
    "${install[@]}" --datadir="$folder/data.new"
    mv "$folder/data.new" "$folder/data"
fi

# The server runs it before it takes connections: one statement a line.
umask 077
cat > /tmp/init.sql << SQL
CREATE DATABASE IF NOT EXISTS $MYSQL_DATABASE;
CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL ON $MYSQL_DATABASE.* TO '$MYSQL_USER'@'%';
CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
SQL
exec "$server" --no-defaults --datadir="$folder/data" --init-file=/tmp/init.sql --bind-address=0.0.0.0 \
    --socket=/tmp/mysql.sock --pid-file=/tmp/mysql.pid "$@"
