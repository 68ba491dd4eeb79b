using LlmProxy.Caching;
using LlmProxy.Secrets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>Requests and answers for tests of the cache's rules. All happen at <see cref="Now"/>.</summary>
internal static class Example
{
    /// <summary>Mon, 02 Nov 2026 10:00:00 GMT, in Unix milliseconds.</summary>
    public const long Now = 1_793_613_600_000;

    public static readonly CacheOptions Options = new(
        IsOn: true, CacheBackend.Memory, 1 << 20, 1 << 20, TimeSpan.FromMinutes(5), StreamsAreStored: true,
        TargetedFields: ["CDN-Cache-Control"], ServesStaleOnError: true, HeuristicPercent: 0,
        new Secret("redis://localhost"), "test:");

    /// <summary>The date so many seconds from <see cref="Now"/>.</summary>
    public static string Date(int seconds) => HttpDate.Write(Now + (seconds * 1_000L));

    /// <summary>Fields of lines such as <c>Name: value</c>; lines of one name make one field.</summary>
    public static IReadOnlyList<HeaderField> Fields(params string[] lines) =>
    [
        .. lines
            .Select(static line => (Name: line[..line.IndexOf(':')], Value: line[(line.IndexOf(':') + 1)..].Trim()))
            .GroupBy(static line => line.Name, StringComparer.OrdinalIgnoreCase)
            .Select(static field => new HeaderField(field.Key, field.Select(static line => line.Value).ToArray())),
    ];

    public static IHeaderDictionary Request(params string[] lines)
    {
        var headers = new HeaderDictionary();
        foreach (var field in Fields(lines))
        {
            headers[field.Name] = field.Values;
        }

        return headers;
    }

    public static StoringCase Case(
        IReadOnlyList<HeaderField> answer, IHeaderDictionary? request = null, string method = "GET", int status = 200,
        int? assignedSeconds = null, long at = Now) => new(
            method, request ?? Request(), RequestDirectives.Read(request ?? Request()), status, answer, at, at, "/v1/x",
            "gpt-5", assignedSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            Options);

    /// <summary>An answer with these lines, stored with a body.</summary>
    public static StoredResponse Stored(params string[] lines) => StoredFor(Request(), lines);

    public static StoredResponse StoredFor(IHeaderDictionary request, params string[] lines)
    {
        var stored = Storing.Judge(Case(Fields(lines), request), out var reason);
        Assert.Equal(NotStored.None, reason);
        Assert.NotNull(stored);
        return stored.WithBody("0123456789"u8.ToArray());
    }

    public static NotStored Reason(in StoringCase @case)
    {
        Storing.Judge(@case, out var reason);
        return reason;
    }

    public static Reuse Judge(StoredResponse stored, int secondsLater, string? cacheControl = null) =>
        ServingRules.Judge(
            stored, cacheControl is null ? default : Directives("Cache-Control: " + cacheControl),
            Now + (secondsLater * 1_000L));

    public static RequestDirectives Directives(params string[] lines) => RequestDirectives.Read(Request(lines));

    public static string NamesOf(IReadOnlyList<HeaderField> fields) =>
        string.Join(", ", fields.Select(static field => field.Name));

    public static StringValues Value(this StoredResponse stored, string name) => stored.Fields.Find(name);
}
