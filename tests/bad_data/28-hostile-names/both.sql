CREATE TABLE "page""; DROP TABLE keep; --" (id INTEGER PRIMARY KEY, "slug's ""own""" TEXT NOT NULL UNIQUE, "%s $1 ?1 :x @y" TEXT);
CREATE TABLE keep (id INTEGER PRIMARY KEY);
CREATE TABLE "shop.page" (id INTEGER PRIMARY KEY, "a.b" TEXT NOT NULL UNIQUE);
CREATE TABLE "select" ("order" INTEGER PRIMARY KEY, "from" TEXT NOT NULL UNIQUE, "where" INTEGER DEFAULT 7, "values" TEXT);
CREATE TABLE "Ünïcode name" ("id,id" INTEGER PRIMARY KEY, "spalte mit leer" TEXT NOT NULL UNIQUE);
CREATE TABLE "[brackets]" (id INTEGER PRIMARY KEY, "parent,id" INTEGER NOT NULL REFERENCES "Ünïcode name" ("id,id"), "no`tick" TEXT, "back\slash" TEXT);
CREATE TABLE a_very_long_table_name_that_goes_on_and_on_beyond_the_limit_of_63_bytes_of_postgresql (id INTEGER PRIMARY KEY, a_very_long_column_name_that_goes_on_and_on_beyond_the_limit_of_63_bytes TEXT NOT NULL UNIQUE);
INSERT INTO "select" VALUES (1, 'one', 3, 'old'), (2, 'gone', 3, 'x');
