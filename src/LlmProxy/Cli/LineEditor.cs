using System.Globalization;
using System.Text;

namespace LlmProxy.Cli;

/// <summary>
/// One line that can be edited while it is typed, with the lines before it at hand. It moves by what a person sees as
/// one character, and knows that some take two columns.
/// </summary>
internal sealed class LineEditor(Terminal terminal, string prompt)
{
    private readonly List<string> _history = [];
    private readonly StringBuilder _text = new();
    private int _cursor;
    private int _row;
    private int _recalled;
    private string _unfinished = string.Empty;

    /// <summary>The line, or null when the person is done: Ctrl-D or Ctrl-C on an empty line.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken stop)
    {
        _text.Clear();
        (_cursor, _row, _recalled, _unfinished) = (0, 0, _history.Count, string.Empty);
        Show();
        while (true)
        {
            // A key cannot be awaited; the thread that waits for it ends with the process.
            var key = await Task.Run(terminal.ReadKey!, CancellationToken.None).WaitAsync(stop);
            switch (key.Key)
            {
                case Key.Enter:
                    return Finish();
                case Key.Interrupt or Key.EndOfInput when _text.Length == 0:
                    terminal.Draw("\n");
                    return null;
                default:
                    Apply(key);
                    break;
            }

            Show();
        }
    }

    private string Finish()
    {
        _cursor = _text.Length;
        Show();
        terminal.Draw("\n");
        var line = _text.ToString();
        if (line.Trim().Length > 0 && (_history.Count == 0 || _history[^1] != line))
        {
            _history.Add(line);
        }

        return line;
    }

    private void Apply(KeyPress key)
    {
        switch (key.Key)
        {
            case Key.Character:
                _text.Insert(_cursor, key.Character);
                _cursor++;
                break;
            case Key.Left:
                _cursor = Previous();
                break;
            case Key.Right:
                _cursor = Next();
                break;
            case Key.Home:
                _cursor = 0;
                break;
            case Key.End:
                _cursor = _text.Length;
                break;
            case Key.Up:
                Recall(-1);
                break;
            case Key.Down:
                Recall(+1);
                break;
            case Key.Backspace:
                Remove(Previous(), _cursor);
                break;
            case Key.Delete or Key.EndOfInput:
                Remove(_cursor, Next());
                break;
            case Key.DeleteToEnd:
                Remove(_cursor, _text.Length);
                break;
            case Key.DeleteToStart:
                Remove(0, _cursor);
                break;
            case Key.DeleteWord:
                Remove(StartOfWord(), _cursor);
                break;
            case Key.Interrupt:
                Replace(string.Empty);
                break;
            case Key.ClearScreen:
                terminal.Draw("\e[H\e[2J");
                _row = 0;
                break;
        }
    }

    private void Recall(int step)
    {
        var target = Math.Clamp(_recalled + step, 0, _history.Count);
        if (target == _recalled)
        {
            return;
        }

        if (_recalled == _history.Count)
        {
            _unfinished = _text.ToString();
        }

        _recalled = target;
        Replace(target == _history.Count ? _unfinished : _history[target]);
    }

    private void Replace(string text)
    {
        _text.Clear().Append(text);
        _cursor = text.Length;
    }

    private void Remove(int from, int to)
    {
        _text.Remove(from, to - from);
        _cursor = from;
    }

    private int Previous() =>
        StringInfo.ParseCombiningCharacters(_text.ToString()).LastOrDefault(start => start < _cursor);

    private int Next() => _cursor == _text.Length
        ? _cursor
        : _cursor + StringInfo.GetNextTextElementLength(_text.ToString(), _cursor);

    private int StartOfWord()
    {
        var start = _cursor;
        while (start > 0 && char.IsWhiteSpace(_text[start - 1]))
        {
            start--;
        }

        while (start > 0 && !char.IsWhiteSpace(_text[start - 1]))
        {
            start--;
        }

        return start;
    }

    /// <summary>Draws prompt and text anew from where the prompt began, and puts the cursor where it belongs.</summary>
    private void Show()
    {
        var width = Math.Max(terminal.Width(), 2);
        var text = _text.ToString();
        var end = CellsOf(prompt) + CellsOf(text);
        var cursor = CellsOf(prompt) + CellsOf(text.AsSpan(0, _cursor));

        var screen = new StringBuilder();
        Move(screen, _row, 'A');
        screen.Append("\r\e[J").Append(prompt).Append(text);

        // A terminal leaves the cursor on a full line until the next character comes; make it come.
        if (end > 0 && end % width == 0)
        {
            screen.Append(" \r");
        }

        _row = cursor / width;
        Move(screen, (end / width) - _row, 'A');
        screen.Append('\r');
        Move(screen, cursor % width, 'C');
        terminal.Draw(screen.ToString());
    }

    private static void Move(StringBuilder screen, int count, char direction)
    {
        if (count > 0)
        {
            screen.Append(CultureInfo.InvariantCulture, $"\e[{count}{direction}");
        }
    }

    /// <summary>Columns that a text takes: wide scripts and pictures two, marks that stand on a letter none.</summary>
    private static int CellsOf(ReadOnlySpan<char> text)
    {
        var cells = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            cells += Rune.GetUnicodeCategory(rune) switch
            {
                UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format => 0,
                _ => IsWide(rune.Value) ? 2 : 1,
            };
        }

        return cells;
    }

    private static bool IsWide(int rune) => rune is
        (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6)
        or (>= 0x1F300 and <= 0x1F64F) or (>= 0x1F680 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD);
}
