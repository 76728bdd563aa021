//! What a terminal shows of the bytes that it is sent: the few sequences that the view uses, and a
//! note of everything else.

/// The screen of a terminal, cell by cell.
#[derive(Debug, Default)]
pub(crate) struct Display {
    columns: usize,
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// What was written on the usual screen.
    pub(crate) plain: String,
    /// Whether the other screen is shown, without cursor and without line breaks of its own.
    pub(crate) other_screen: bool,
    pub(crate) hidden_cursor: bool,
    pub(crate) no_wrap: bool,
    /// Lines lost at the top.
    pub(crate) scrolled: usize,
    /// Sequences that no part of the view is known to need.
    pub(crate) unknown: Vec<String>,
    /// Drawings begun: moves to the upper left corner.
    pub(crate) drawings: usize,
    /// Bytes of a character or a sequence that has not come whole.
    rest: Vec<u8>,
}

impl Display {
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        let mut display = Self::default();
        display.resize(rows, columns);
        display
    }

    /// As a window that is drawn larger or smaller: what is on it stays where it was.
    pub(crate) fn resize(&mut self, rows: usize, columns: usize) {
        self.columns = columns;
        self.cells.resize(rows, Vec::new());
        for cells in &mut self.cells {
            cells.resize(columns, ' ');
        }
        self.row = self.row.min(rows - 1);
        self.column = self.column.min(columns - 1);
    }

    /// The lines of the other screen, without the blanks at their ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |cells: &Vec<char>| cells.iter().collect::<String>().trim_end().to_owned();
        self.cells.iter().map(line).collect()
    }

    pub(crate) fn text(&self) -> String {
        self.lines().join("\n")
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut input = std::mem::take(&mut self.rest);
        input.extend_from_slice(bytes);
        let mut input = input.as_slice();
        while !input.is_empty() {
            match self.take(input) {
                0 => {
                    self.rest = input.to_vec();
                    return;
                }
                taken => input = &input[taken..],
            }
        }
    }

    /// Takes one character or sequence; its length, 0 where it is not whole.
    fn take(&mut self, input: &[u8]) -> usize {
        if input[0] == 0x1b {
            let end = input
                .iter()
                .skip(2)
                .position(|byte| (0x40..=0x7e).contains(byte));
            return match end {
                Some(end) => {
                    let sequence = std::str::from_utf8(&input[1..end + 3]).unwrap();
                    self.obey(sequence);
                    end + 3
                }
                None => 0,
            };
        }
        let length = match input[0] {
            0..0x80 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        let Some(bytes) = input.get(..length) else {
            return 0;
        };
        self.write(std::str::from_utf8(bytes).unwrap().chars().next().unwrap());
        length
    }

    fn obey(&mut self, sequence: &str) {
        match sequence {
            "[H" => {
                (self.row, self.column) = (0, 0);
                self.drawings += 1;
            }
            "[K" => self.cells[self.row][self.column..].fill(' '),
            "[J" => {
                self.cells[self.row][self.column..].fill(' ');
                for cells in &mut self.cells[self.row + 1..] {
                    cells.fill(' ');
                }
            }
            "[2J" => self.cells.iter_mut().for_each(|cells| cells.fill(' ')),
            "[1m" | "[0m" => {}
            "[?1049h" => self.other_screen = true,
            "[?1049l" => self.other_screen = false,
            "[?25l" => self.hidden_cursor = true,
            "[?25h" => self.hidden_cursor = false,
            "[?7l" => self.no_wrap = true,
            "[?7h" => self.no_wrap = false,
            _ => {
                let place = sequence.strip_prefix('[').and_then(|s| s.strip_suffix('H'));
                let place = place.and_then(|place| place.split_once(';'));
                if let Some((row, column)) = place {
                    let row: usize = row.parse().unwrap();
                    let column: usize = column.parse().unwrap();
                    self.row = row.clamp(1, self.cells.len()) - 1;
                    self.column = column.clamp(1, self.columns) - 1;
                } else {
                    self.unknown.push(sequence.to_owned());
                }
            }
        }
    }

    fn write(&mut self, character: char) {
        if !self.other_screen {
            self.plain.push(character);
            return;
        }
        match character {
            '\r' => self.column = 0,
            '\n' if self.row + 1 == self.cells.len() => self.scrolled += 1,
            '\n' => self.row += 1,
            c if c.is_control() => self.unknown.push(c.escape_default().to_string()),
            c => {
                self.cells[self.row][self.column] = c;
                self.column = (self.column + 1).min(self.columns - 1);
            }
        }
    }
}

#[test]
fn the_stand_in_for_a_terminal_shows_what_one_would() {
    let mut display = Display::new(2, 4);
    for byte in "\x1b[?1049h\x1b[Habcdef\r\nµ\x1b[K\x1b[2;3Hz".bytes() {
        display.feed(&[byte]);
    }
    assert_eq!(display.lines(), ["abcf", "µ z"]);
    assert!(display.other_screen && display.scrolled == 0);
    display.feed(b"\n\x1b[5n\x1b[1;2H\x1b[K");
    assert_eq!((display.scrolled, display.unknown.len()), (1, 1));
    assert_eq!(display.lines(), ["a", "µ z"]);
    display.feed(b"\x1b[?1049lbye");
    assert_eq!(display.plain, "bye");
}
