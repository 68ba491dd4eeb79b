using System.Globalization;
using System.Text;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>An item of a list: a String with parameters, of which each is a number or a String.</summary>
internal sealed record StructuredItem(string Name, IReadOnlyDictionary<string, object> Parameters)
{
    public long Number(string parameter) => (long)Parameters[parameter];

    public override string ToString() =>
        Name + string.Concat(Parameters.Select(static pair => $";{pair.Key}={pair.Value}"));
}

/// <summary>
/// Reads a List of Strings (RFC 9651 §4.2), and only that, as strictly as the RFC demands: what is not well-formed is
/// no list at all.
/// </summary>
internal sealed class StructuredList
{
    private readonly string _text;
    private int _at;

    private StructuredList(string text) => _text = text;

    /// <summary>The header's lines; several are one list.</summary>
    public static IReadOnlyList<StructuredItem> Parse(params string[] lines)
    {
        var list = new StructuredList(string.Join(", ", lines));
        var items = new List<StructuredItem> { list.Item() };
        while (!list.IsAtEnd)
        {
            list.Spaces();
            list.Take(',');
            list.Spaces();
            items.Add(list.Item());
        }

        return items;
    }

    private bool IsAtEnd => _at == _text.Length;

    private char Next => IsAtEnd ? '\0' : _text[_at];

    private StructuredItem Item()
    {
        var name = String();
        var parameters = new Dictionary<string, object>(StringComparer.Ordinal);
        while (Next == ';')
        {
            _at++;
            while (Next == ' ')
            {
                _at++;
            }

            var key = Key();
            Take('=');
            parameters[key] = Next == '"' ? String() : Integer();
        }

        return new StructuredItem(name, parameters);
    }

    private string String()
    {
        Take('"');
        var text = new StringBuilder();
        while (Next != '"')
        {
            if (Next == '\\')
            {
                _at++;
                Demand(Next is '"' or '\\');
            }

            Demand(Next is >= ' ' and <= '~');
            text.Append(_text[_at++]);
        }

        _at++;
        return text.ToString();
    }

    private long Integer()
    {
        var start = _at;
        _at += Next == '-' ? 1 : 0;
        while (char.IsAsciiDigit(Next))
        {
            _at++;
        }

        Demand(_at - start is > 0 and <= 15 && Next != '.');
        return long.Parse(_text.AsSpan(start, _at - start), CultureInfo.InvariantCulture);
    }

    private string Key()
    {
        var start = _at;
        Demand(char.IsAsciiLetterLower(Next) || Next == '*');
        while (char.IsAsciiLetterLower(Next) || char.IsAsciiDigit(Next) || Next is '_' or '-' or '.' or '*')
        {
            _at++;
        }

        return _text[start.._at];
    }

    private void Spaces()
    {
        while (Next is ' ' or '\t')
        {
            _at++;
        }
    }

    private void Take(char expected)
    {
        Demand(Next == expected);
        _at++;
    }

    private void Demand(bool condition) =>
        Assert.True(condition, $"No well-formed list: {_text} (at {_at})");
}
