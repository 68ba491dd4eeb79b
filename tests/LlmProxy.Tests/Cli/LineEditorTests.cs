using System.Globalization;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class LineEditorTests
{
    private readonly Queue<KeyPress> _keys = new();
    private readonly StringWriter _screen = new(CultureInfo.InvariantCulture);
    private readonly LineEditor _editor;

    public LineEditorTests() => _editor = new LineEditor(
        new Terminal(TextReader.Null, _screen, TextWriter.Null)
        {
            ReadKey = _keys.Dequeue,
            Width = static () => 10,
        },
        "> ");

    [Theory]
    [InlineData("hello", "hello")]
    [InlineData("ac{Left}b", "abc")]
    [InlineData("bc{Home}a{End}d", "abcd")]
    [InlineData("abx{Backspace}c", "abc")]
    [InlineData("abxc{Left}{Left}{Delete}", "abc")]
    [InlineData("abxc{Left}{Left}{EndOfInput}", "abc")]
    [InlineData("a{Left}{Left}{Backspace}", "a")]
    [InlineData("a{Right}{Delete}", "a")]
    [InlineData("abc{Left}{DeleteToEnd}", "ab")]
    [InlineData("abc{Left}{DeleteToStart}", "c")]
    [InlineData("one two  {DeleteWord}", "one ")]
    [InlineData("wrong{Interrupt}right", "right")]
    [InlineData("a👍🏽{Backspace}b", "ab")]
    [InlineData("e\u0301a{Left}{Left}x", "xe\u0301a")]
    [InlineData("a{ClearScreen}b", "ab")]
    [InlineData("a{None}b", "ab")]
    public async Task A_line_is_edited_as_one_expects(string typed, string line) =>
        Assert.Equal(line, await ReadAsync(typed));

    [Fact]
    public async Task Earlier_lines_come_back_and_the_unfinished_one_is_not_lost()
    {
        await ReadAsync("first");
        await ReadAsync("second");
        await ReadAsync("second");

        Assert.Equal("first!", await ReadAsync("unfin{Up}{Up}{Up}!"));
        Assert.Equal("unfin", await ReadAsync("unfin{Up}{Up}{Down}{Down}{Down}"));
    }

    [Theory]
    [InlineData("{EndOfInput}")]
    [InlineData("{Interrupt}")]
    [InlineData("a{Interrupt}{Interrupt}")]
    public async Task An_empty_line_is_how_one_leaves(string typed) => Assert.Null(await ReadAsync(typed, ends: false));

    [Theory]
    [InlineData("12345678", "\r\e[J> 12345678 \r\r")]
    [InlineData("123456789", "\e[1A\r\e[J> 123456789\r\e[1C")]
    [InlineData("漢字漢字漢", "\e[1A\r\e[J> 漢字漢字漢\r\e[2C")]
    public async Task The_cursor_follows_a_line_that_wraps(string typed, string lastDrawing)
    {
        await ReadAsync(typed);

        var drawings = _screen.ToString().Split("\e[J");
        Assert.Equal(lastDrawing.Split("\e[J")[1], drawings[^1].TrimEnd('\n'));
    }

    private async Task<string?> ReadAsync(string typed, bool ends = true)
    {
        for (var i = 0; i < typed.Length; i++)
        {
            var end = typed[i] == '{' ? typed.IndexOf('}', i) : -1;
            _keys.Enqueue(end < 0
                ? new KeyPress(Key.Character, typed[i])
                : new KeyPress(Enum.Parse<Key>(typed.AsSpan(i + 1, end - i - 1))));
            i = Math.Max(i, end);
        }

        if (ends)
        {
            _keys.Enqueue(new KeyPress(Key.Enter));
        }

        return await _editor.ReadLineAsync(TestContext.Current.CancellationToken);
    }
}
