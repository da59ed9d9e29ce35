# A shop's products as SQL that all three engines read, and the script that a person would write to carry
# the same changes over by hand.
#
#   part=prod     the target as it is: `rows` products
#   part=test     the source: 3 of 10 modified, 1 of 20 gone, 3 of 20 more
#   part=script   these changes for `engine`, in one transaction
#   part=careful  the same by someone who locks the rows, keeps what was there and reads back what was
#                 written, as a run does
#   part=same     all that a run does: what was approved is read again on both sides (of the source by
#                 `part=source` at `from`) and held against `pins`, then written as by `careful`
#   part=source   the source's part of that, where its rows come from another connection
#
#   part=hashes   a query for the `pins`: lines `source|target, ID|hash of the row` of the side named by `from`
#
# Every value follows from the row's number, so that the parts agree.

function pad(text, length_, out) {
    out = text
    while (length(out) < length_) out = out " " text
    return substr(out, 1, length_)
}
function is_modified(id) { return id <= rows && (id % 10 == 1 || id % 10 == 3 || id % 10 == 5) }
function is_gone(id) { return id <= rows && id % 20 == 0 }
# Which columns differ: all texts, the price alone, or description and price.
function name(id, new) { return "Product " id (new && id % 10 == 1 ? ", new edition" : "") }
function description(id, new) {
    return pad("It's number " id " of the catalogue" (new && id % 10 != 3 ? ", as of this spring" : ""), 200)
}
function price(id, new) { return id % 900 + (new && id % 10 != 1 ? 1 : 0) ".50" }
function updated(new) { return new ? "2026-03-01 12:00:00" : "2026-01-01 12:00:00" }
function quoted(text) { gsub(/'/, "''", text); return "'" text "'" }
function product(id, new) {
    return "(" id ", 'SKU-" id "', " quoted(name(id, new)) ", " quoted(description(id, new)) ", " \
        id % 100 + 1 ", " price(id, new) ", " id % 40 ", " (id % 7 ? "TRUE" : "FALSE") ", '" updated(new) "')"
}

# Several rows in one statement, as a dump has them.
function put(head, tail, row) {
    if (waiting == 0) printf "%s\n", head
    printf "%s%s", waiting == 0 ? "" : ",\n", row
    end = tail
    if (++waiting == 1000) flush_rows()
}
function flush_rows() {
    if (waiting) print end ";"
    waiting = 0
}
function insert(table, row) { put("INSERT INTO " table " VALUES", "", row) }

function data(new, id) {
    for (id = 1; id <= 100; id++) insert("category", "(" id ", 'category-" id "')")
    flush_rows()
    for (id = 1; id <= rows; id++)
        if (!new || !is_gone(id)) insert("product", product(id, new && is_modified(id)))
    if (new) for (id = rows + 1; id <= rows + rows * 3 / 20; id++) insert("product", product(id, 1))
    flush_rows()
}

function script(id) {
    print "BEGIN;"
    print "CREATE TEMPORARY TABLE stage (id bigint PRIMARY KEY, name varchar(200), description text, " \
        "price decimal(10,2), updated_at " (engine == "mariadb" ? "datetime" : "timestamp") ");"
    for (id = 1; id <= rows; id++)
        if (is_modified(id))
            insert("stage", "(" id ", " quoted(name(id, 1)) ", " quoted(description(id, 1)) ", " price(id, 1) \
                ", '" updated(1) "')")
    flush_rows()
    update()
    for (id = rows + 1; id <= rows + rows * 3 / 20; id++) insert("product", product(id, 1))
    flush_rows()
    for (id = 1; id <= rows; id++) if (is_gone(id)) put("DELETE FROM product WHERE id IN (", ")", id)
    flush_rows()
    print "COMMIT;"
}

# Rows that differ from what was wanted end it: no count but 0 goes in.
function none(rows_) { print "INSERT INTO verdict SELECT count(*) FROM (" rows_ ") AS found;" }
# MariaDB ends a transaction for an index that comes later.
function copy_of(name_) {
    return "CREATE TEMPORARY TABLE " name_ (engine == "mariadb" ? " (UNIQUE KEY (id))" : "") \
        " AS SELECT * FROM product WHERE 1 = 0;" \
        (engine == "mariadb" ? "" : " CREATE UNIQUE INDEX " name_ "_id ON " name_ " (id);")
}

# A transaction with a place for what was there, for what is found wrong and for what is to be written.
function begin() {
    print "CREATE TABLE before_image AS SELECT * FROM product WHERE 1 = 0;"
    print "BEGIN;"
    print "CREATE TEMPORARY TABLE verdict (wrong int NOT NULL CHECK (wrong = 0));"
    print copy_of("stage")
}

# What of a row a module compares, as one text.
function hash(of, columns) {
    columns = "id sku name description category_id price active"
    gsub(/ /, (engine == "sqlite" ? " || '|' || " : ", ") of ".", columns)
    columns = of "." columns
    if (engine == "sqlite") return "hex(sha3(" columns "))"
    return "md5(concat_ws('|', " columns "))"
}

function hashes(line) {
    line = "'" from "|', product.id, '|', " hash("product")
    if (engine == "sqlite") gsub(/, /, " || ", line)
    else line = "concat(" line ")"
    print "SELECT " line " AS line FROM product;"
}

# By ID: the hashes of what the pins say differs.
function read_pins(line, part_, id, ours, theirs) {
    while ((getline line < pins) > 0) {
        split(line, part_, "|")
        if (part_[1] == "source") ours[part_[2]] = part_[3]
        else theirs[part_[2]] = part_[3]
        known[part_[2]] = 1
    }
    for (id in known) if (ours[id] != theirs[id]) {
        pinned[id] = "(" id ", '" ours[id] "', '" theirs[id] "')"
        on_source[id] = ours[id] != ""
    }
}

function approved(only_source, id) {
    print "CREATE TEMPORARY TABLE approved (id bigint PRIMARY KEY, ours varchar(64), theirs varchar(64));"
    for (id = 1; id <= rows * 23 / 20; id++)
        if ((id in pinned) && (on_source[id] || !only_source)) insert("approved", pinned[id])
    flush_rows()
    if (engine == "postgres") print "ANALYZE approved;"
}

function source() {
    read_pins()
    approved(1)
    print "COPY (SELECT product.* FROM product JOIN approved ON approved.id = product.id) TO STDOUT;"
}

# A row that isn't as its pin says ends it.
function holds(table, pin) {
    none("SELECT approved.id FROM approved LEFT JOIN " table " AS found ON found.id = approved.id WHERE " \
        "CASE WHEN found.id IS NULL THEN '' ELSE " hash("found") " END <> approved." pin)
}

function same() {
    read_pins()
    if (engine == "sqlite") print "ATTACH '" from "' AS other;"
    begin()
    approved(0)
    if (engine == "postgres") print "\\copy stage FROM PROGRAM '" from "'\nANALYZE stage;"
    else
        print "INSERT INTO stage SELECT product.* FROM " (engine == "sqlite" ? "other" : "bench_test") \
            ".product JOIN approved ON approved.id = product.id;"
    if (engine != "sqlite")
        print "CREATE TEMPORARY TABLE locked AS SELECT product.id FROM product JOIN approved ON approved.id = product.id FOR UPDATE;"
    holds("stage", "ours")
    holds("product", "theirs")
    print "INSERT INTO before_image SELECT product.* FROM product JOIN approved ON approved.id = product.id;"
    update()
    print "INSERT INTO product SELECT stage.* FROM stage JOIN approved ON approved.id = stage.id WHERE approved.theirs = '';"
    print "DELETE FROM product WHERE id IN (SELECT id FROM approved WHERE ours = '');"
    holds("product", "ours")
    print "COMMIT;"
}

function update() {
    if (engine == "mariadb")
        print "UPDATE product JOIN stage ON stage.id = product.id SET product.name = stage.name, product.description = " \
            "stage.description, product.price = stage.price, product.updated_at = stage.updated_at;"
    else
        print "UPDATE product SET name = stage.name, description = stage.description, price = stage.price, " \
            "updated_at = stage.updated_at FROM stage WHERE product.id = stage.id;"
}

function careful(id, differs) {
    begin()
    print copy_of("fresh")
    print "CREATE TEMPORARY TABLE gone (id bigint PRIMARY KEY);"
    for (id = 1; id <= rows; id++) if (is_modified(id)) insert("stage", product(id, 1))
    flush_rows()
    for (id = rows + 1; id <= rows + rows * 3 / 20; id++) insert("fresh", product(id, 1))
    flush_rows()
    for (id = 1; id <= rows; id++) if (is_gone(id)) insert("gone", "(" id ")")
    flush_rows()
    if (engine == "postgres") print "ANALYZE stage; ANALYZE fresh; ANALYZE gone;"
    if (engine != "sqlite") {
        print "CREATE TEMPORARY TABLE locked AS SELECT product.id FROM product JOIN stage ON stage.id = product.id FOR UPDATE;"
        print "INSERT INTO locked SELECT product.id FROM product JOIN gone ON gone.id = product.id FOR UPDATE;"
    }
    print "INSERT INTO before_image SELECT product.* FROM product JOIN stage ON stage.id = product.id;"
    print "INSERT INTO before_image SELECT product.* FROM product JOIN gone ON gone.id = product.id;"
    update()
    print "INSERT INTO product SELECT * FROM fresh;"
    print "DELETE FROM product WHERE id IN (SELECT id FROM gone);"
    differs = "product.id IS NULL OR product.sku <> wanted.sku OR product.name <> wanted.name OR product.description <> " \
        "wanted.description OR product.category_id <> wanted.category_id OR product.price <> wanted.price"
    none("SELECT wanted.id FROM stage AS wanted LEFT JOIN product ON product.id = wanted.id WHERE " differs)
    none("SELECT wanted.id FROM fresh AS wanted LEFT JOIN product ON product.id = wanted.id WHERE " differs)
    none("SELECT gone.id FROM gone JOIN product ON product.id = gone.id")
    print "COMMIT;"
}

BEGIN {
    if (part == "script") script()
    else if (part == "careful") careful()
    else if (part == "same") same()
    else if (part == "source") source()
    else if (part == "hashes") hashes()
    else { print "BEGIN;"; data(part == "test"); print "COMMIT;" }
}
