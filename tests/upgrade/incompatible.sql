-- compatible-from: here
-- What a later version may do only while no earlier one runs. It says so, and binaries from before refuse to start.
ALTER TABLE of_a_later_version ADD COLUMN note text;
