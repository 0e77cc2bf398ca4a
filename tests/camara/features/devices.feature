Feature: How a device is named

  Background:
    Given the resource "/quality-on-demand/v1/sessions"
    And the header "Authorization" is set to a valid 2-legged access token
    And the header "x-correlator" is set to a UUID value
    And the request body is set to a valid request body

  @device_of_several_identifiers
  Scenario: The first identifier that is known here is used, and the others are not compared with it
    Given the request body property "$.device" includes several identifiers, one of which is an address of this machine
    When the HTTP "POST" request is sent
    Then the response status code is 201
    And the session's device is that one identifier

  @device_of_ipv6
  Scenario: A device is found by its IPv6 address, too
    Given the request body property "$.device" is set to an IPv6 address of this machine
    When the HTTP "POST" request is sent
    Then the response status code is 201
    And the session is found by the device's IPv6 address

  @device_profiles
  Scenario Outline: For a device only what it can have is listed
    Given the resource "/qos-profiles/v1/retrieve-qos-profiles"
    And the request body is set to {}
    And the request body property "$.status" is set to the value <status>
    And the request body property "$.device" is set to a valid device
    When the HTTP "POST" request is sent
    Then the response status code is 200
    And the response body has <count> profiles

    Examples:
      | status     | count |
      | ACTIVE     | 3     |
      | INACTIVE   | 0     |
      | DEPRECATED | 0     |
