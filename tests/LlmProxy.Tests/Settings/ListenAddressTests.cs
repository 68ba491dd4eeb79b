using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Settings;

public sealed class ListenAddressTests
{
    [Theory]
    [InlineData(":8080", "[::]:8080")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("[::1]:9000", "[::1]:9000")]
    [InlineData("localhost:9000", "127.0.0.1:9000 [::1]:9000")]
    public void Reads_host_and_port_and_the_short_form_for_every_interface(string text, string endPoints) =>
        Assert.Equal(endPoints, string.Join(' ', ListenAddress.Parse(text)!.EndPoints));

    [Theory]
    [InlineData("8080")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:99999")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("::1:80")]
    [InlineData("example.org:80")]
    [InlineData("http://127.0.0.1:80")]
    public void Refuses_what_is_no_address(string text) => Assert.Null(ListenAddress.Parse(text));
}
