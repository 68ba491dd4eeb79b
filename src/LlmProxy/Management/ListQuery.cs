using System.Globalization;
using LlmProxy.Http;

namespace LlmProxy.Management;

/// <summary>
/// The query of a list request. Parameters that the list does not have, or that are given twice, are refused with
/// their name: a misspelt filter would show more than was asked for.
/// </summary>
internal sealed class ListQuery
{
    public const int LimitMax = 100;
    public const int LimitDefault = 50;

    private readonly IQueryCollection _query;

    private ListQuery(IQueryCollection query) => _query = query;

    /// <summary>The first thing that is wrong. Ask when everything was read.</summary>
    public Problem? Problem { get; private set; }

    /// <param name="request">The request of a list.</param>
    /// <param name="filters">What the list takes besides <c>limit</c> and <c>cursor</c>.</param>
    public static ListQuery Of(HttpRequest request, params ReadOnlySpan<string> filters)
    {
        var query = new ListQuery(request.Query);
        foreach (var (name, values) in request.Query)
        {
            if (name is not ("limit" or "cursor") && !filters.Contains(name))
            {
                query.Problem ??= Problems.UnknownParameter(name);
            }

            if (values.Count > 1)
            {
                query.Problem ??= Problems.InvalidField(name, "be given once");
            }
        }

        return query;
    }

    public int Limit()
    {
        if (Text("limit") is not { } text)
        {
            return LimitDefault;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= LimitMax)
        {
            return limit;
        }

        Refuse("limit", $"be a whole number from 1 to {LimitMax}");
        return LimitDefault;
    }

    public bool Switch(string name)
    {
        var text = Text(name);
        if (text is not (null or "true" or "false"))
        {
            Refuse(name, "be true or false");
        }

        return text == "true";
    }

    public Guid? Id(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (Guid.TryParseExact(text, "D", out var id))
        {
            return id;
        }

        Refuse(name, "be a UUID");
        return null;
    }

    /// <summary>Where the page before this one ended; null on the first page.</summary>
    public string? Position(PageCursor cursors, string list)
    {
        if (Text("cursor") is not { } cursor)
        {
            return null;
        }

        var position = cursors.Read(list, cursor);
        if (position is null)
        {
            Problem ??= Problems.InvalidCursor;
        }

        return position;
    }

    private string? Text(string name) => _query.TryGetValue(name, out var values) ? values.ToString() : null;

    private void Refuse(string name, string expectation) => Problem ??= Problems.InvalidField(name, expectation);
}
