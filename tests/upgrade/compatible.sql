-- compatible-from: before
-- What a later version may do while the one before it still works: something that nobody reads yet.
CREATE TABLE of_a_later_version (id bigint PRIMARY KEY);
