using CsCheck;
using LlmProxy.Management;
using LlmProxy.Secrets;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class PageCursorTests
{
    private readonly PageCursor _cursors = new(new ManagementOptions(new Secret(ManagementServer.Token)));

    [Fact]
    public void Reads_what_it_wrote_for_the_same_list() =>
        Gen.Select(Gen.String[Gen.Char['\u0000', '\ud7ff'], 1, 40], Gen.String.AlphaNumeric).Sample((position, list) =>
            _cursors.Read(list, _cursors.Write(list, position)) == position);

    [Fact]
    public void Refuses_a_cursor_of_another_list() =>
        Assert.Null(_cursors.Read("projects", _cursors.Write("tokens", "here")));

    [Fact]
    public void Refuses_a_cursor_of_a_server_with_another_token()
    {
        var others = new PageCursor(new ManagementOptions(new Secret("another-management-token")));

        Assert.Null(_cursors.Read("tokens", others.Write("tokens", "here")));
    }

    [Fact]
    public void Refuses_a_cursor_with_any_one_character_changed()
    {
        var cursor = _cursors.Write("tokens", "here");

        var altered = Enumerable.Range(0, cursor.Length)
            .SelectMany(at => "AQgwx9_-".Where(other => other != cursor[at])
                .Select(other => string.Concat(cursor.AsSpan(0, at), [other], cursor.AsSpan(at + 1))));

        Assert.All(altered, other => Assert.Null(_cursors.Read("tokens", other)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("not base64!")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void Refuses_what_is_no_cursor(string text) => Assert.Null(_cursors.Read("tokens", text));
}
